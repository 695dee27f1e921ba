"""The experiment on translated verses: what is read, and what a run leaves behind."""

from dataclasses import replace

import pytest

from brainlib.bdh import BDH, BDHConfig
from chapters.bdh import translation
from chapters.bdh.experiments import Experiment, schedule, trained

PAIRS = [(f"the {a} saw the {b} in house {n}.", f"el {a} vio al {b} en casa {n}.") for n in range(20) for a, b in
         (("lion", "wolf"), ("wolf", "king"), ("king", "lion"))]  # fmt: skip


@pytest.fixture
def tiny(monkeypatch, runs_here) -> Experiment:
    monkeypatch.setattr(translation, "verses", lambda text: (PAIRS[:40], PAIRS[40:]))
    model = BDHConfig(layers=2, dim=16, heads=2, neurons=64, dropout=0.0, decay=(0.01, 0.1))
    training = schedule(30, 1e-2, precision="float32")
    return Experiment(model, training, batch=4, length=32, text=translation.HALF, held_out=2_000)


def test_a_run_learns_and_is_kept(tiny):
    (model, history), (again, same) = (trained(translation.learn, {"": tiny}, 0, "cpu")[""] for _ in range(2))
    assert isinstance(model, BDH) and not model.training
    assert history.evaluations[-1][1] < history.evaluations[0][1]
    assert same == history
    assert all(a.equal(b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))


def test_the_held_out_stream_is_thinned_evenly(tiny):
    whole, half = (translation.held_out_stream(replace(tiny, held_out=size)) for size in (10**6, 500))
    assert len(half.tokens) < len(whole.tokens) and len(half.tokens) >= 500
