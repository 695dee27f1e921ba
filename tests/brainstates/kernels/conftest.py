"""The ways to compute: by the definitions, and two by compiled loops."""

import pytest

from brainlib.brainstates import kernels


@pytest.fixture(params=["scaled", "logarithms"])
def way(request, monkeypatch):
    if request.param == "logarithms":
        monkeypatch.setattr(kernels, "LEAST", 1.0)


@pytest.fixture(params=["reference", "scaled", "logarithms"])
def impl(request, monkeypatch):
    if request.param == "logarithms":
        monkeypatch.setattr(kernels, "LEAST", 1.0)
    return "reference" if request.param == "reference" else "cpu"
