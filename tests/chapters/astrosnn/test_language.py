"""The experiments on language at a size for a test, what a byte costs, and what the claims measure."""

import math
from dataclasses import replace

import pytest
import torch

from brainlib import data
from brainlib.astrosnn import AstroSNNConfig
from brainlib.ledger import PROFILES
from brainlib.training.trees import leaves
from chapters.astrosnn import cost, language
from chapters.astrosnn.energy import operations
from chapters.astrosnn.language import MODELS
from chapters.astrosnn.language_profiles import PLANS
from chapters.astrosnn.networks import model_config, untrained

FRAME = AstroSNNConfig(layers=1, dim=16, heads=4)
TEXT = data.encode("To be, or not to be, that is the question. " * 80)
STUDY = language.Study(
    "nine plays", FRAME, length=16, batch=4, steps=30, models=("AM-SU", "PLIF"), contexts=(8, 32), test_bytes=64
)


@pytest.fixture
def tiny(monkeypatch) -> language.Study:
    monkeypatch.setattr(language, "corpus", lambda text: data.split(TEXT))
    return STUDY


@pytest.mark.parametrize("profile", PROFILES)
def test_all_models_have_equal_parameters(profile):
    for study in PLANS[profile].studies.values():
        for name in study.models:
            assert model_config(study.frame, name).parameters == pytest.approx(study.frame.parameters, rel=0.02), name


@pytest.mark.parametrize("profile", PROFILES[1:])  # the frame of `ci` is too small for a wide one
def test_equal_states_are_about_equal(profile):
    frame = next(iter(PLANS[profile].studies.values())).frame
    names = ("AM-SU, small heads", "PLIF, wide", "SpikeGPT")
    ours, *others = (untrained(model_config(frame, name), device="cpu").state_size(100) for name in names)
    for other in others:
        assert other == pytest.approx(ours, rel=0.2)


@pytest.mark.parametrize("profile", PROFILES)
def test_profiles_judge_what_the_claims_compare(profile):
    plan = PLANS[profile]
    first, *others = plan.studies.values()
    assert set(first.models) == set(MODELS)
    for study in others:
        assert {"AM-SU", "PLIF"} <= set(study.models) <= set(first.models)
    for study in plan.studies.values():
        held_out = 400_000 if study.text == "King James Bible" else 111_540
        assert max(study.contexts) + 2 * study.test_bytes < held_out
        assert min(study.contexts) < study.length // 4 and study.length < max(study.contexts) <= study.test_bytes


def test_a_model_learns_and_is_measured(tiny):
    found = language.trained_and_tested(language.Condition("AM-SU", 1e-2, tiny), seed=1, device="cpu")
    result = found["result"]
    model = untrained(FRAME, device="cpu")
    model.load_state_dict(found["weights"])
    assert result["loss"] < 0.8 * math.log(256) and found["tuning_loss"] < 0.8 * math.log(256)
    assert language.held_out_loss(model.eval(), language.corpus("")[1][: -tiny.test_bytes], 16) == result["loss"]
    assert result["parameters"] == FRAME.parameters and result["state"] == model.state_size(16)
    assert len(result["by_context"]) == len(result["lesioned"]) == 2 and result["by_context"] != result["lesioned"]
    assert result["operations"]["additions"] > 0 and len(result["operations"]["rates"]) == 2


def test_everyone_has_the_rate_that_served_best(tiny, runs_here):
    plan = language.Plan(
        {"one": replace(tiny, steps=20), "two": replace(tiny, steps=2, models=("PLIF",))}, (1e-5, 1e-2), (), 0, 0
    )
    results, models = language.run(plan, device="cpu")
    assert {title: list(found) for title, found in results.items()} == {"one": ["AM-SU", "PLIF"], "two": ["PLIF"]}
    assert {r["learning_rate"] for found in results.values() for r in found.values()} == {1e-2}
    assert list(models) == ["AM-SU", "PLIF"] and results["one"]["PLIF"]["lesioned"] == []


def test_a_lesion_silences_the_astrocyte_of_a_copy():
    tokens = torch.arange(12)[None]
    model = untrained(FRAME, device="cpu")
    before = model(tokens)[0]
    lesioned = language.without_astrocytes(model)
    assert torch.equal(model(tokens)[0], before) and not torch.equal(lesioned(tokens)[0], before)
    said = lesioned.blocks[0].mixer.trace(torch.randn(1, 5, 16)).astrocyte
    assert not said.any()
    assert language.without_astrocytes(untrained(model_config(FRAME, "PLIF"), device="cpu")) is None


def test_the_loss_leaves_out_what_nothing_predicts():
    model = untrained(FRAME, device="cpu")
    text = TEXT[: 16 * 5 + 3]
    rows = text[: 16 * 5].view(5, 16).long()
    with torch.no_grad():
        logits = model(rows[:, :-1])[0]
    expected = torch.nn.functional.cross_entropy(logits.mT, rows[:, 1:])
    assert language.held_out_loss(model, text, 16) == pytest.approx(float(expected), rel=1e-5)


class Copier(torch.nn.Module):
    """Knows a byte only if it stood 8 bytes before."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, tokens, state=None):
        read = tokens if state is None else torch.cat((state, tokens), 1)
        logits = torch.zeros(*read.shape, 256)
        logits[:, 7:].scatter_(2, read[:, :-7, None], 20.0)
        return logits[:, -tokens.shape[1] :], None, read


def test_repetition_is_worth_what_a_copier_gains():
    text = torch.arange(200).to(torch.uint8)  # no byte twice
    gain = language.gain_of_repetition(Copier(), text.roll(1), 8)
    assert gain == pytest.approx(math.log(256), abs=0.1)


LAPTOP = PLANS["laptop"]


def result(study, loss: float) -> dict:
    """A loss that does not depend on the context."""
    curve = [loss] * len(study.contexts)
    counted = {"multiplications": 100.0, "additions": 500.0, "dense": 200.0, "rates": {"a": 0.1, "b": 0.3}}
    facts = {"loss": loss, "by_context": curve, "lesioned": [loss + 0.5] * len(curve), "repeated": 0.25}
    return facts | {"name": "one", "operations": counted}


@pytest.fixture
def results():
    found = {title: {name: result(study, 2.0) for name in study.models} for title, study in LAPTOP.studies.items()}
    found["Shakespeare"]["AM-SU"] = result(LAPTOP.studies["Shakespeare"], 1.75)
    found["longer context"]["AM-SU"] = result(LAPTOP.studies["longer context"], 1.5)
    return found


def test_claims_compare_what_they_say(results):
    found = language.findings(LAPTOP, results)
    assert found["A6"] == found["A6-lif"] == found["A6-spikegpt"] == found["A6-transformer"] == -0.25
    assert found["A6-printed"] == 0.25 and found["A6-state"] == found["A6-larger"] == found["A6-verses"] == 0
    assert found["A6-longer"] == 0.25  # a gain of 0.5 instead of 0.25
    assert found["A6-lesion"] == 0.5 and found["A6-repeat"] == 0
    assert found["A8"] == pytest.approx(0.2) and found["A8-energy"] == 1
    assert found["A8-rest"] == pytest.approx(450 / (450 + 450))


def test_growth_compares_late_with_early():
    study = LAPTOP.studies["Shakespeare"]
    ours = [1.0 if context >= study.length // 2 else 2.0 for context in study.contexts]
    assert language.growth(study, [2.0] * len(ours), ours) == 1.0
    assert language.growth(study, [2.0] * len(ours), [1.0] * len(ours)) == 0.0


def test_a_profile_without_a_study_leaves_its_claims_out(results):
    few = replace(LAPTOP, studies={"Shakespeare": LAPTOP.studies["Shakespeare"]})
    found = language.findings(few, {"Shakespeare": results["Shakespeare"]})
    assert "A6" in found and not {"A6-longer", "A6-larger", "A6-verses"} & set(found)


@pytest.mark.parametrize("name", ["AM-SU", "PLIF", "SpikeGPT"])
def test_the_state_after_a_text_is_what_the_text_leaves(name):
    model = untrained(model_config(FRAME, name), device="cpu")
    text = torch.randint(256, (1, 30), generator=torch.Generator().manual_seed(30))
    kept = sum(part.numel() for part in leaves(cost.state_after(model, 30), "state"))
    assert kept == model.state_size(30) == model.state_size(3000)
    with torch.no_grad():
        _, _, expected = model(text)
    logits = [model.step(text[:, 0], state)[0] for state in (cost.state_after(model, 30), expected)]
    torch.testing.assert_close(*logits)


def test_a_filled_cache_is_as_long_as_the_text():
    model = untrained(model_config(FRAME, "transformer"), device="cpu")
    state = cost.state_after(model, 30)
    with torch.no_grad():
        _, after = model.step(torch.tensor([3]), state)
    assert state.blocks[0].mixer.length == 30 and after.blocks[0].mixer.length == 31
    assert after.blocks[0].mixer.keys.shape[2] == 31  # no room had to be made
    assert model.state_size(30) == 16 + 30 * 2 * 16


def flat(values) -> list[dict]:
    return [{"context": context, "milliseconds": value} for context, value in zip((10, 100, 1000), values, strict=True)]


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [([1.0, 4.0, 16.0], 10**1.5), ([3.0, 4.0, 5.0], 10.0), ([1.0, 1.0, 1.0], math.inf), ([1.0, 2.0, 8.0], 100.0)],
)
def test_the_crossover_lies_on_the_line_between_two_contexts(theirs, expected):
    assert cost.crossover(flat([2.0] * 3), flat(theirs)) == pytest.approx(expected)


SMALL = AstroSNNConfig(layers=2, dim=16, heads=2, hidden=24, vocab=32)
TOKENS = torch.randint(32, (3, 20), generator=torch.Generator().manual_seed(0))


def test_only_maps_that_read_spikes_add():
    model = untrained(SMALL, device="cpu")
    counted = operations(model, TOKENS)
    D, H = SMALL.dim, SMALL.hidden
    memory = 2 * (D + 3 * D * 8)
    assert counted["multiplications"] == 2 * (4 * D * D + D * H) + D * 32 + memory
    assert counted["dense"] == counted["multiplications"] + 2 * (D * D + H * D)
    assert counted["rates"].keys() == {
        f"blocks.{b}.{name}" for b in (0, 1) for name in ("mixer.output", "feedforward.down")
    }
    assert counted["additions"] == pytest.approx(
        sum(rate * D * (D if "mixer" in name else H) for name, rate in counted["rates"].items())
    )


def test_rates_are_those_of_the_spikes():
    model = untrained(SMALL, device="cpu")
    with torch.no_grad():
        block = model.blocks[0]
        trace = block.mixer.trace(block.shift(block.mixer_norm(model.embedding(TOKENS))))
    assert operations(model, TOKENS)["rates"]["blocks.0.mixer.output"] == pytest.approx(
        float(trace.spikes.mean()), abs=1e-6
    )


def test_a_network_of_numbers_costs_what_it_is():
    config = AstroSNNConfig(layers=1, dim=16, heads=2, hidden=24, vocab=32, mixer="attention", feedforward="gelu")
    counted = operations(untrained(config, device="cpu"), TOKENS)
    assert counted["rates"] == {} and counted["additions"] == 0
    assert counted["multiplications"] == counted["dense"] == 4 * 256 + 2 * 16 * 24 + 16 * 32 + 16 * 21
