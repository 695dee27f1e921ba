"""The three ways to the posterior on a CPU."""

import pytest

from brainlib.brainstates.kernels import cpu, scaled


@pytest.fixture(params=["lanes of trials", "lanes of states", "log space"])
def way(request, monkeypatch):
    if request.param == "log space":
        monkeypatch.setattr(cpu, "LEAST", 0.5)
    for limit in ("FEW", "MANY"):
        monkeypatch.setattr(scaled, limit, 0 if request.param == "lanes of states" else 1000)
