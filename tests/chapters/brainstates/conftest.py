"""The chapters' studies at sizes for tests."""

from dataclasses import replace

import pytest

from chapters.brainstates.priors import AT_CI, PRIORS, Experiment
from chapters.brainstates.table import Setting

TINY = Setting(2, 4, train=3, test=2, bins=150, strength_sd=2.5, restarts=1, iterations=3, l1=(10.0,))
PLAN = {
    "oracle": Experiment(TINY, 2, (1.0, 2.0)),
    "table": Experiment(TINY, 2, methods=AT_CI),
    "trials": Experiment(TINY, 1, (1, 3)),
    "neurons": Experiment(TINY, 1, (3, 4)),
    "groups": Experiment(replace(TINY, groups=2, neurons=2), 1),
    "states": Experiment(TINY, 1, (1, 2)),
    "explorer": Experiment(TINY, 1, (1, 3)),
}


@pytest.fixture
def tiny(monkeypatch, runs_here) -> Setting:
    """The profile of this name."""
    monkeypatch.setitem(PRIORS, "tiny", PLAN)
    return TINY
