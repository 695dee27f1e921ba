"""The experiments on translated verses: what is read, what is measured, and what a run leaves behind."""

import pytest

from brainlib import data
from brainlib.bdh import BDH, BDHConfig
from chapters.bdh import translation
from chapters.bdh.experiments import Experiment, new_model, schedule, trained
from chapters.bdh.translation import Run, learn

PAIRS = [(f"the {a} saw the {b} in house {n}.", f"el {a} vio al {b} en casa {n}.") for n in range(20) for a, b in
         (("lion", "wolf"), ("wolf", "king"), ("king", "lion"))]  # fmt: skip


@pytest.fixture(autouse=True)
def few_verses(monkeypatch, runs_here):
    monkeypatch.setattr(translation, "verses", lambda text, languages: (PAIRS[:40], PAIRS[40:]))


def train(*runs: Run, seed: int = 0):
    return list(trained(learn, {str(number): run for number, run in enumerate(runs)}, seed, "cpu").values())


@pytest.fixture
def tiny() -> Experiment:
    model = BDHConfig(layers=2, dim=16, heads=2, neurons=64, dropout=0.0, decay=(0.01, 0.1))
    training = schedule(30, 1e-2, precision="float32")
    return Experiment(model, training, batch=4, length=32, text=translation.HALF, held_out=2_000)


def test_a_run_learns_is_kept_and_can_be_gone_on_from(tiny):
    once = Run(tiny)
    (model, history), (further, _) = train(once, Run(tiny, start=(once,)))
    assert isinstance(model, BDH) and not model.training
    assert history.evaluations[-1][1] < history.evaluations[0][1]
    again, same = train(once)[0]
    assert same == history
    assert all(a.equal(b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))
    assert translation.held_out_loss(further, tiny) < translation.held_out_loss(model, tiny)


def test_a_direction_is_judged_on_its_target_side_alone(tiny):
    model = new_model(tiny.model, device="cpu")
    losses = translation.direction_losses(model, tiny)
    assert losses.keys() == {"en→es", "es→en", "en", "es"}
    stream = data.translation_stream(PAIRS[40:], ("en", "es"), source="en")
    at_byte = translation.stream_losses(model, stream, tiny.length)
    own = (stream.language[: len(at_byte)] == 1) & ~at_byte.isnan()
    assert losses["en→es"] == pytest.approx(float(at_byte[own].mean()), rel=1e-6)


def test_the_held_out_stream_is_thinned_evenly(tiny):
    whole, half = (translation.held_out_stream(tiny, ("en", "es"), size) for size in (10**6, 500))
    assert len(half.tokens) < len(whole.tokens) and len(half.tokens) >= 500
