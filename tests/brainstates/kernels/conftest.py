"""The two ways of the compiled loops: scaled probabilities, and logarithms, the truth where paths are many."""

import pytest

from brainlib.brainstates import kernels


@pytest.fixture(params=["scaled", "logarithms"])
def way(request, monkeypatch):
    if request.param == "logarithms":
        monkeypatch.setattr(kernels, "LEAST", 1.0)


@pytest.fixture
def careful(monkeypatch):
    """Inference in logarithms and double precision."""

    def infer(*inputs, function=kernels.forward_backward):
        with monkeypatch.context() as patch:
            patch.setattr(kernels, "LEAST", 1.0)
            return function(*(t.double() if t.is_floating_point() else t for t in inputs), impl="cpu")

    return infer
