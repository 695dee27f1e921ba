"""The chapters' studies at sizes for tests."""

import pytest

from chapters.brainstates import priors
from chapters.brainstates.priors import PLANS, Plan
from chapters.brainstates.table import Setting

FITS = {"starts": 1, "scouting": 1, "tuning": 1, "iterations": 1, "epochs": 1, "steps": 2}
TINY = Setting(2, 3, train=2, test=2, bins=200, strength_sd=2.5, **FITS)


@pytest.fixture
def tiny(monkeypatch, runs_here) -> None:
    """The profile of this name, of chapter 2."""
    monkeypatch.setitem(PLANS, "tiny", Plan(TINY, 2, (1,), (1.0, 2.0)))
    priors.run.cache_clear()
