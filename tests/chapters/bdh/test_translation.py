"""The experiments on translated verses: what is read, what is measured, and what a run leaves behind."""

from dataclasses import replace
from math import log

import pytest

from brainlib import data
from brainlib.baselines import GPT, GPTConfig
from brainlib.bdh import BDH, BDHConfig
from chapters.bdh import scaling, translation
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


def test_a_scaling_study(tiny):
    """Tuning, both families, equal cost, and four ways of teaching, with text enough for the longest context."""
    training = replace(tiny.training, steps=2, warmup_steps=0, evaluate_every=None)
    bdh = [BDHConfig(layers=2, dim=16, heads=2, neurons=n, dropout=0.0, decay=(0.01, 0.1)) for n in (32, 64)]
    gpt = [GPTConfig(layers=layers, dim=16, heads=2, memory=64) for layers in (1, 2)]
    plan = scaling.Scaling(tuple(bdh), tuple(gpt), (1e-3, 1e-2), 2, replace(tiny, training=training, length=8))
    tried = scaling.tune(plan, device="cpu")
    assert [list(losses) for losses in tried.values()] == [[1e-3, 1e-2]] * 2
    rates = scaling.best_rates(tried)
    points = scaling.train_all(plan, rates, device="cpu")
    assert [point["parameters"] for point in points] == [config.parameters for config in bdh + gpt]
    assert scaling.gaps(points) == [points[0]["loss"] - points[2]["loss"], points[1]["loss"] - points[3]["loss"]]
    slope = (scaling.gaps(points)[1] - scaling.gaps(points)[0]) / log(bdh[1].parameters / bdh[0].parameters)
    assert scaling.slope_of_gap(plan, points) == pytest.approx(slope)
    longer = scaling.train_longer(plan, points, rates, device="cpu")
    operations = [scaling.forward_flops(config, 8) for config in (bdh[1], gpt[1])]
    assert longer["operations"]["steps"] == round(2 * operations[0] / operations[1])
    losses = scaling.losses_by_context(plan, 1e-2, device="cpu")
    assert losses.keys() == {"carried, fading", "crops, fading", "carried, lasting", "crops, lasting"}
    assert all(len(curve) == 8 and curve.isfinite().all() for curve in losses.values())


def test_operations_are_those_of_the_matrix_products():
    # Wide hidden layers and all; a chunk of no length leaves weights and what is carried.
    gpt = GPTConfig(layers=3, dim=16, heads=2, hidden=40, memory=10)
    blocks = sum(weight.numel() for name, weight in GPT(gpt).named_parameters() if weight.ndim == 2)
    assert scaling.forward_flops(gpt, 0) == 2 * blocks + 4 * 3 * 10 * 16
    bdh = BDHConfig(layers=3, dim=16, heads=2, neurons=64)
    assert scaling.forward_flops(bdh, 0) == 3 * 10 * 64 * 16 + 2 * 16 * 256


@pytest.mark.parametrize("profile", ["ci", "laptop", "paper"])
def test_both_families_have_equal_parameters(profile):
    plan = scaling.SCALINGS[profile]
    for bdh, gpt in zip(plan.bdh, plan.gpt, strict=True):
        assert gpt.parameters == pytest.approx(bdh.parameters, rel=0.06 if profile == "paper" else 0.01)
