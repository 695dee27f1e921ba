"""The experiments on translated verses: what is read, what is measured, and what a run leaves behind."""

from dataclasses import replace

import pytest
import torch

from brainlib import data
from brainlib.baselines import GPT, GPTConfig
from brainlib.bdh import BDH, BDHConfig
from chapters.bdh import scaling, translation
from chapters.bdh.experiments import Experiment, new_model, schedule, trained
from chapters.bdh.power_law import power_law
from chapters.bdh.translation import Run, learn

PAIRS = [(f"the {a} saw the {b} in house {n}.", f"el {a} vio al {b} en casa {n}.") for n in range(20) for a, b in
         (("lion", "wolf"), ("wolf", "king"), ("king", "lion"))]  # fmt: skip


@pytest.fixture(autouse=True)
def few_verses(monkeypatch, tmp_path):
    monkeypatch.setattr(translation, "_verses", lambda languages, whole: (PAIRS[:40], PAIRS[40:]))
    monkeypatch.setenv("BRAINLIB_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("BRAINLIB_PROCESSES", "1")


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


def test_an_interrupted_run_goes_on_from_its_folder(tiny, tmp_path):
    first, again = (learn(Run(tiny), 0, device="cpu", folder=tmp_path)["history"]["losses"] for _ in range(2))
    assert list(tmp_path.glob("step-*")) and first == again


def test_a_gpt_is_trained_alike(tiny):
    gpt = replace(tiny, model=GPTConfig(layers=1, dim=16, heads=2, memory=64))
    model, history = train(Run(gpt))[0]
    assert isinstance(model, GPT) and history.losses[-1] < history.losses[0]


def test_a_merge_and_two_ways_of_growth_are_trained_on(tiny):
    short = replace(tiny, training=replace(tiny.training, steps=2, warmup_steps=0, evaluate_every=None))
    one, other = Run(short), Run(short, pairs=(("en", "es"), ("en", "es")))
    split = Run(short, start=(one,), new_neurons=32)
    planned = (Run(short, start=(one, other)), split, replace(split, silent=True))
    assert [model.config.neurons for model, _ in train(*planned)] == [128, 96, 96]
    before = [translation.begin(run, 0, "cpu") for run in (Run(short, start=(one,)), *planned[1:])]
    losses = [translation.held_out_loss(model, short) for model in before]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5) and losses[2] != pytest.approx(losses[0], rel=1e-7)


def test_without_gradients_through_time_other_weights_are_learned(tiny):
    weights = [model.decoder_x for model, _ in train(Run(tiny), Run(tiny, bptt=False))]
    assert not torch.allclose(*weights)


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
    points, models = scaling.train_all(plan, rates, device="cpu")
    assert [point.parameters for point in points] == [config.parameters for config in bdh + gpt]
    assert models["GPT"][1].config == gpt[1] and len(scaling.gaps(plan, points)) == 2
    longer = scaling.train_longer(plan, points, rates, device="cpu")
    assert longer["operations"].steps == scaling.steps_of_equal_flops(plan, 1)
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


def test_a_power_law_is_found_again():
    sizes = [1e3, 1e4, 1e5, 1e6]
    law = power_law(sizes, [2 * size**-0.1 for size in sizes])
    assert law.exponent == pytest.approx(-0.1) and law.low <= law.exponent <= law.high
    assert law(1e7) == pytest.approx(2 * 1e7**-0.1)
    noisy = power_law(sizes, [3, 10, 25, 110])
    assert noisy.low < 0.5 < noisy.high
    for unfit in ([1.0, 2.0], [1.0, 2.0, 0.0]):
        with pytest.raises(ValueError, match="expected as many, at least 3, all above 0"):
            power_law([1.0, 2.0, 3.0][: len(unfit)], unfit)
