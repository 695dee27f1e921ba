"""Merges, growth and learning without gradients through time, on text that is its own translation."""

from dataclasses import replace

import pytest

from brainlib import data
from brainlib.bdh import BDHConfig
from chapters.bdh import surgery, translation
from chapters.bdh.surgery import PLANS


@pytest.fixture
def tiny(monkeypatch, runs_here) -> surgery.Plan:
    """The ci plan, made tiny."""
    verses = [(f"In the year {year} came rain.", f"In the year {year} came rain.") for year in range(1000, 1600)]
    monkeypatch.setattr(translation, "verses", lambda text, languages: data.hold_out(verses))
    whole = PLANS["ci"].whole
    model = BDHConfig(layers=2, dim=16, heads=2, neurons=64, dropout=0.0)
    training = replace(whole.training, steps=3, warmup_steps=0, evaluate_every=None, checkpoint_every=None)
    return surgery.Plan(replace(whole, model=model, training=training, batch=4, length=32, held_out=2000), 1, 1000)


def test_who_translates_what(tiny):
    judged = surgery.table(tiny, 0, "cpu")
    assert list(judged)[:5] == ["parent: Spanish", "clone: French", "clone: Italian", "clone: Spanish", "merged"]
    assert all(list(row) == list(surgery.DIRECTIONS) for row in judged.values())
    assert judged["clone: French"] != judged["parent: Spanish"]
    gaps = surgery.merged_less(judged, {"fr→en": "clone: Italian"})
    assert gaps == {"fr→en": judged["merged"]["fr→en"] - judged["clone: Italian"]["fr→en"]}


def test_growth_and_learning_without_gradients_through_time(tiny):
    growth = surgery.growth_table(tiny, 0, "cpu")
    assert list(growth["neurons"].values()) == [64, 96, 96]
    assert growth["loss"]["split off"] == pytest.approx(growth["loss"]["as it was"], rel=1e-5)
    assert growth["loss"]["merely silent"] != pytest.approx(growth["loss"]["as it was"], rel=1e-7)
    learned, bigram = surgery.without_bptt(tiny, 0, "cpu")
    assert learned["through time"] != learned["present only"] and 0 < bigram < 5
    gain = learned["through time"]["en"] - learned["through time"]["es→en"]
    assert learned["through time"]["gain from the translation, English"] == gain
