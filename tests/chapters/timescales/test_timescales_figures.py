"""Which run captions speak of, and where numbers of the authors' networks come from."""

import json

import pytest

from brainlib.runs import Run
from chapters.timescales import figures, released
from chapters.timescales.figures_lesions import numbers_of
from chapters.timescales.settings import SETTINGS


def test_a_small_run_shows_the_recorded_laptop_run_and_a_larger_one_itself(monkeypatch):
    runs = [Run("lesions", profile, 0, {"of": profile}, {}) for profile in ("laptop", "paper")]
    monkeypatch.setattr(figures.runs, "kept", lambda name: runs)
    small, same = (figures.largest("lesions", profile, {"of": "here"}) for profile in ("ci", "laptop"))
    assert small == figures.Sample({"of": "laptop"}, "the recorded laptop run", "laptop")
    assert same == figures.Sample({"of": "here"}, "this laptop run", "laptop")


def test_the_authors_networks_are_measured_from_laptop_up_and_else_as_recorded(monkeypatch):
    kept, lesions = [Run("released", "laptop", 0, {"of": "record"}, {})], SETTINGS["ci"].lesions
    monkeypatch.setattr(released.runs, "kept", lambda name: kept)
    monkeypatch.setattr(released, "study", lambda settings, device: {"of": "this run"})
    assert [released.known(lesions, profile)[0]["of"] for profile in ("ci", "laptop")] == ["record", "this run"]
    monkeypatch.setattr(released, "study", lambda settings, device: None)
    assert released.known(lesions, "laptop")[0] == {"of": "record"}
    kept.clear()
    assert released.known(lesions, "ci")[0] is None


def test_the_record_of_the_authors_networks_says_what_their_files_do():
    (kept,) = released.runs.kept("released", "chapters/timescales/records/runs")
    content = json.loads(json.dumps(kept.content))
    for condition, spans in released.OFFICIAL["networks"].items():
        numbers = numbers_of({name: [one] for name, one in content.items()}, condition)
        mean, *_, radius = spans["11"]
        assert (numbers["mean τ (bits)"], numbers["spectral radius of W"]) == pytest.approx((mean, radius), abs=6e-3)
