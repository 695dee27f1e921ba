"""The two ways of the compiled loops."""

import pytest

from brainlib.brainstates import kernels


@pytest.fixture(params=["scaled", "logarithms"])
def way(request, monkeypatch):
    if request.param == "logarithms":
        monkeypatch.setattr(kernels, "LEAST", 1.0)
