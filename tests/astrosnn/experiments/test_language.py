"""The experiments on language at a size for a test."""

import json
import math
from dataclasses import asdict, replace

import pytest
import torch
from brainlib.astrosnn.experiments.contestants import CONTESTANTS, contestant
from brainlib.astrosnn.experiments.language_profiles import EXPERIMENTS

from brainlib import data
from brainlib.astrosnn.experiments import language
from brainlib.astrosnn.model import AstroSNNConfig
from brainlib.ledger import PROFILES

FRAME = AstroSNNConfig(layers=1, dim=16, heads=4)
TEXT = data.encode("To be, or not to be, that is the question. " * 80)
STUDY = language.Study(
    "nine plays", FRAME, length=16, batch=4, steps=30, contestants=("AM-SU", "PLIF"), contexts=(8, 32), judged=64
)


@pytest.fixture
def tiny(monkeypatch) -> language.Study:
    monkeypatch.setattr(language, "corpus", lambda text: data.split(TEXT))
    return STUDY


@pytest.mark.parametrize("profile", PROFILES)
def test_all_contestants_have_equal_parameters(profile):
    for study in EXPERIMENTS[profile].studies.values():
        for name in study.contestants:
            assert contestant(study.frame, name).parameters == pytest.approx(study.frame.parameters, rel=0.02), name


@pytest.mark.parametrize("profile", PROFILES[1:])  # the frame of `ci` is too small for a wide one
def test_equal_states_are_about_equal(profile):
    frame = next(iter(EXPERIMENTS[profile].studies.values())).frame
    names = ("AM-SU, small heads", "PLIF, wide", "SpikeGPT")
    ours, *others = (language.untrained(contestant(frame, name), device="cpu").state_size(100) for name in names)
    for other in others:
        assert other == pytest.approx(ours, rel=0.2)


@pytest.mark.parametrize("profile", PROFILES)
def test_profiles_judge_what_the_claims_compare(profile):
    experiment = EXPERIMENTS[profile]
    first, *others = experiment.studies.values()
    assert set(first.contestants) == set(CONTESTANTS)
    for study in others:
        assert {"AM-SU", "PLIF"} <= set(study.contestants) <= set(first.contestants)
    for study in experiment.studies.values():
        held_out = 400_000 if study.text == "King James Bible" else 111_540
        assert max(study.contexts) + 2 * study.judged < held_out
        assert min(study.contexts) < study.length // 4 and study.length < max(study.contexts) <= study.judged


def test_contestants_are_what_they_are_called():
    built = {name: contestant(FRAME, name) for name in CONTESTANTS}
    assert built["AM-SU, sigmoid"].unit_config.input == "sigmoid"
    assert built["AM-SU, gated"].unit_config.astrocyte == "gated"
    assert built["AM-SU, small heads"].dim == 2 * built["AM-SU, small heads"].heads
    assert built["PLIF, wide"].dim > built["PLIF"].dim and built["PLIF, wide"].hidden_size < built["PLIF"].hidden_size
    assert built["transformer, GELU"].feedforward == "gelu" and built["transformer"].feedforward == "spiking"
    with pytest.raises(ValueError, match="name: got 'LSTM', expected one of AM-SU"):
        contestant(FRAME, "LSTM")


def test_a_contestant_learns_and_is_found_again(tiny, tmp_path):
    model, result = language.compete(tiny, "AM-SU", 1e-2, seed=1, device="cpu", folder=tmp_path)
    assert not model.training and result.loss < 0.8 * math.log(256)
    assert result.parameters == FRAME.parameters and result.state == model.state_size(16)
    assert len(result.by_context) == len(result.lesioned) == 2 and result.by_context != result.lesioned
    assert 0 < result.operations.nanojoules < result.operations.dense_nanojoules and len(result.operations.rates) == 2
    assert language.Result.from_dict(json.loads(json.dumps(asdict(result)))) == result
    again, same = language.compete(tiny, "AM-SU", 1e-2, seed=1, device="cpu", folder=tmp_path)
    assert replace(same, seconds=result.seconds, bytes_a_second=result.bytes_a_second) == result
    assert all(a.equal(b) for a, b in zip(model.parameters(), again.parameters(), strict=True))


def test_everyone_has_the_rate_that_served_best(tiny):
    experiment = language.Experiment(
        {"one": replace(tiny, steps=20), "two": replace(tiny, steps=2, contestants=("PLIF",))},
        (1e-5, 1e-2),
        (),
        0,
        0,
    )
    results, models = language.run(experiment, device="cpu")
    assert {title: list(found) for title, found in results.items()} == {"one": ["AM-SU", "PLIF"], "two": ["PLIF"]}
    assert {r.learning_rate for found in results.values() for r in found.values()} == {1e-2}
    assert list(models) == ["AM-SU", "PLIF"] and results["one"]["PLIF"].lesioned == []


def test_a_lesion_silences_the_astrocyte_of_a_copy():
    tokens = torch.arange(12)[None]
    model = language.untrained(FRAME, device="cpu")
    before = model(tokens)[0]
    lesioned = language.without_astrocytes(model)
    assert torch.equal(model(tokens)[0], before) and not torch.equal(lesioned(tokens)[0], before)
    said = lesioned.blocks[0].mixer.trace(torch.randn(1, 5, 16)).astrocyte
    assert not said.any()
    assert language.without_astrocytes(language.untrained(contestant(FRAME, "PLIF"), device="cpu")) is None


def test_the_loss_leaves_out_what_nothing_predicts():
    model = language.untrained(FRAME, device="cpu")
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


def test_an_unknown_text_is_named():
    with pytest.raises(
        ValueError, match="text: got 'Homer', expected 'nine plays', 'tiny Shakespeare' or 'King James Bible'"
    ):
        language.corpus("Homer")
