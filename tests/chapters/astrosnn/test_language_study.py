"""The experiments on language at a size for a test."""

import math
from dataclasses import replace

import pytest
import torch

from brainlib import data
from brainlib.astrosnn import AstroSNNConfig
from brainlib.ledger import PROFILES
from chapters.astrosnn import language
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
