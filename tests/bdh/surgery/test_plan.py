from dataclasses import replace

import pytest
import torch

from brainlib import data
from brainlib.bdh import BDHConfig, translation
from brainlib.bdh.surgery import PLANS, grow, merge


@pytest.fixture
def tiny(monkeypatch) -> translation.Experiment:
    """The ci plan, made tiny, on text that is its own translation."""
    verses = [(f"In the year {year} came rain.", f"In the year {year} came rain.") for year in range(1000, 1600)]
    monkeypatch.setattr(translation, "_verses", lambda languages, whole: data.hold_out(verses))
    whole = PLANS["ci"].whole
    return replace(
        whole,
        model=BDHConfig(layers=2, dim=16, heads=2, neurons=64, dropout=0.0),
        training=replace(whole.training, steps=3, warmup_steps=0, evaluate_every=None, checkpoint_every=None),
        batch=4,
        length=32,
        held_out=2000,
    )


@pytest.mark.parametrize("profile", ["ci", "laptop", "paper"])
def test_what_follows_an_operation_is_short(profile):
    plan = PLANS[profile]
    assert plan.short.training.steps <= 0.15 * plan.whole.training.steps
    assert plan.short.model == plan.whole.model


def test_training_goes_on_from_a_merged_and_from_a_grown_model(tiny):
    base = translation.new_model(tiny.model, seed=1, device="cpu")
    loss = translation.held_out_loss(base, tiny)
    for model in (merge([base, base]), grow(base, 32)):
        assert translation.held_out_loss(model, tiny) == pytest.approx(loss, abs=1e-2)
        after = replace(tiny, model=model.config)
        trained, history = translation.run(after, start=model, device="cpu")
        assert trained.frequencies.equal(model.frequencies)
        assert history.evaluations[-1][1] < loss
        assert not any(torch.equal(a, b) for a, b in zip(trained.parameters(), model.parameters(), strict=True))
