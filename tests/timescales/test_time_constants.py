"""The three forms of a trained time constant: what they mean, and which of them lets a unit come back."""

import pytest
import torch

from brainlib.timescales import LeakyRNN
from brainlib.timescales.time_constants import raw_of, tau_of

FORMS = ["clamp", "projected", "softplus"]


def network(form: str) -> LeakyRNN:
    return LeakyRNN(3, 1, tau_form=form, generator=torch.Generator().manual_seed(0))


def step(model: LeakyRNN, push: float) -> None:
    """One step of gradient descent on a loss that moves every time constant by about `push`."""
    optimiser = torch.optim.SGD([model.raw_tau], lr=1.0)
    optimiser.zero_grad()
    (-push * tau_of(model.raw_tau, model.tau_form)).sum().backward()
    optimiser.step()
    model.project_()


@pytest.mark.parametrize("form", FORMS)
def test_raw_values_are_the_inverse(form):
    tau = torch.tensor([1.001, 1.5, 2.0, 30.0, 500.0], dtype=torch.float64)
    torch.testing.assert_close(tau_of(raw_of(tau, form), form), tau, rtol=1e-12, atol=0)
    torch.testing.assert_close(tau_of(raw_of(torch.ones(1), form), form), torch.ones(1))


@pytest.mark.parametrize("form", FORMS)
def test_only_the_clamp_traps(form):
    model = network(form)
    for _ in range(8):
        step(model, push=-1.0)
    assert (model.tau == 1).all() or form == "softplus"
    lowest = model.tau
    for _ in range(400):
        step(model, push=0.1)
    if form == "clamp":
        assert torch.equal(model.tau, lowest) and model.raw_tau.max() < 1
    else:
        assert model.tau.min() > 2


@pytest.mark.parametrize(("tau", "got"), [([0.99, 2.0], "0.99 to 2"), ([float("nan")], "nan"), ([float("inf")], "inf")])
def test_impossible_time_constants(tau, got):
    with pytest.raises(ValueError, match=f"tau: got {got}.* bits, expected finite time constants of at least 1"):
        raw_of(torch.tensor(tau), "clamp")
