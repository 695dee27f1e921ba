"""The ways to compute: by the definitions, and two by compiled loops."""

import pytest

from brainlib.brainstates.kernels import cpu


@pytest.fixture(params=["scaled", "logarithms"])
def way(request, monkeypatch):
    if request.param == "logarithms":
        monkeypatch.setattr(cpu, "LEAST", 0.5)


@pytest.fixture(params=["reference", "scaled", "logarithms"])
def impl(request, monkeypatch):
    if request.param == "logarithms":
        monkeypatch.setattr(cpu, "LEAST", 0.5)
    return "reference" if request.param == "reference" else "cpu"
