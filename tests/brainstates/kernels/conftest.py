"""The two ways to the posterior on a CPU."""

import pytest

from brainlib.brainstates.kernels import cpu


@pytest.fixture(params=["scaled", "logarithms"])
def way(request, monkeypatch):
    if request.param == "logarithms":
        monkeypatch.setattr(cpu, "LEAST", 0.5)
