"""The experiments on translated verses: what is read, what is measured, and what a run leaves behind."""

from dataclasses import replace

import pytest
import torch

from brainlib import data
from brainlib.baselines import GPT, GPTConfig
from brainlib.bdh import BDH, BDHConfig, context, scaling, translation

PAIRS = [(f"the {a} saw the {b} in house {n}.", f"el {a} vio al {b} en casa {n}.") for n in range(20) for a, b in
         (("lion", "wolf"), ("wolf", "king"), ("king", "lion"))]  # fmt: skip


@pytest.fixture(autouse=True)
def few_verses(monkeypatch):
    monkeypatch.setattr(translation, "_verses", lambda languages, whole: (PAIRS[:40], PAIRS[40:]))


@pytest.fixture
def tiny() -> translation.Experiment:
    model = BDHConfig(layers=2, dim=16, heads=2, neurons=64, dropout=0.0, decay=(0.01, 0.1))
    training = replace(translation.schedule(30, 1e-2), precision="float32")
    return translation.Experiment(model, training, batch=4, length=32, held_out=2_000, whole_bible=False)


def test_a_run_learns_and_goes_on_where_it_stopped(tiny, tmp_path):
    model, history = translation.run(tiny, device="cpu", folder=tmp_path)
    assert isinstance(model, BDH) and not model.training
    assert history.evaluations[-1][1] < history.evaluations[0][1]
    _, same = translation.run(tiny, device="cpu", folder=tmp_path)
    assert same.losses == history.losses
    further, _ = translation.run(tiny, device="cpu", start=model)
    assert translation.held_out_loss(further, tiny) < translation.held_out_loss(model, tiny)


def test_a_gpt_is_trained_alike(tiny):
    gpt = replace(tiny, model=GPTConfig(layers=1, dim=16, heads=2, memory=64))
    model, history = translation.run(gpt, device="cpu")
    assert isinstance(model, GPT) and history.losses[-1] < history.losses[0]


def test_without_gradients_through_time_other_weights_are_learned(tiny):
    weights = [translation.run(tiny, device="cpu", bptt=way)[0].decoder_x for way in (True, False)]
    assert not torch.allclose(*weights)


def test_a_direction_is_judged_on_its_target_side_alone(tiny):
    model = translation.new_model(tiny.model, device="cpu")
    losses = translation.direction_losses(model, tiny)
    assert losses.keys() == {"en→es", "es→en", "en", "es"}
    stream = data.translation_stream(PAIRS[40:], ("en", "es"), source="en")
    at_byte = translation.stream_losses(model, stream, tiny.length)
    own = (stream.language[: len(at_byte)] == 1) & ~at_byte.isnan()
    assert losses["en→es"] == pytest.approx(float(at_byte[own].mean()), rel=1e-6)


def test_the_held_out_stream_is_thinned_evenly(tiny):
    whole, half = (translation.held_out_stream(tiny, ("en", "es"), size) for size in (10**6, 500))
    assert len(half.tokens) < len(whole.tokens) and len(half.tokens) >= 500


def test_four_ways_of_teaching(tiny):
    short = replace(tiny, training=replace(tiny.training, steps=2, warmup_steps=0, evaluate_every=None))
    taught = dict(context.teachings(short, device="cpu"))
    assert taught.keys() == {"carried, fading", "crops, fading", "carried, lasting", "crops, lasting"}
    assert [model.decay is None for model in taught.values()] == [False, False, True, True]


def test_operations_are_those_of_the_matrix_products():
    # Wide hidden layers and all; a piece of no length leaves weights and what is carried.
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
    law = scaling.power_law([1e3, 1e4, 1e5, 1e6], [2 * size**-0.1 for size in (1e3, 1e4, 1e5, 1e6)])
    assert law.exponent == pytest.approx(0.1) and law.low <= law.exponent <= law.high
    assert law(1e7) == pytest.approx(2 * 1e7**-0.1)
    with pytest.raises(ValueError, match="losses: got 2 for 2 sizes"):
        scaling.power_law([1.0, 2.0], [1.0, 2.0])
