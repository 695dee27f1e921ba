"""The three forms of a trained time constant: what they mean, and which of them lets a unit come back."""

import pytest
import torch

from brainlib.timescales import LeakyRNN
from brainlib.timescales.time_constants import in_steps, raw_of

FORMS = ["clamp", "projected", "softplus"]


def network(form: str) -> LeakyRNN:
    return LeakyRNN(3, 1, tau_form=form, generator=torch.Generator().manual_seed(0))


def step(model: LeakyRNN, push: float) -> None:
    """One step of gradient descent on a loss that moves every time constant by about `push`."""
    optimiser = torch.optim.SGD([model.raw_tau], lr=1.0)
    optimiser.zero_grad()
    (-push * in_steps(model.raw_tau, model.tau_form)).sum().backward()
    optimiser.step()
    model.project_()


@pytest.mark.parametrize("form", FORMS)
def test_raw_values_are_the_inverse(form):
    tau = torch.tensor([1.001, 1.5, 2.0, 30.0, 500.0], dtype=torch.float64)
    torch.testing.assert_close(in_steps(raw_of(tau, form), form), tau, rtol=1e-12, atol=0)
    torch.testing.assert_close(in_steps(raw_of(tau, form), form, 7), 7 * tau, rtol=1e-12, atol=0)
    torch.testing.assert_close(in_steps(raw_of(torch.ones(1), form), form), torch.ones(1))


@pytest.mark.parametrize("form", FORMS)
def test_a_step_is_the_shortest(form):
    for k in (1, 4, 10, 20):
        steps = in_steps(torch.tensor([-3.0, 0.01, 0.3, 1.0]), form, k)
        assert steps.min() >= 1 and (form == "softplus" or steps[0] == 1)


@pytest.mark.parametrize("form", FORMS)
def test_time_constants_can_be_set(form):
    model = network(form)
    model.set_tau_(torch.tensor([1.0, 1.5, 40.0]))
    torch.testing.assert_close(model.tau, torch.tensor([1.0, 1.5, 40.0]), rtol=1e-6, atol=0)


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


@pytest.mark.parametrize("k", range(1, 21))
def test_a_projected_unit_at_a_step_is_not_below_it(k):
    model = network("projected")
    model.steps_per_bit = k
    with torch.no_grad():
        model.raw_tau.fill_(-1)
    model.project_()
    in_steps(model.raw_tau, "projected", k).sum().backward()
    assert (model.raw_tau.grad > 0).all()


@pytest.mark.parametrize("form", ["clamp", "softplus"])
def test_only_projected_time_constants_are_projected(form):
    model = network(form)
    with torch.no_grad():
        model.raw_tau.fill_(-1)
    model.project_()
    assert (model.raw_tau == -1).all()


@pytest.mark.parametrize(
    ("tau", "form", "k", "message"),
    [
        ([0.99, 2.0], "clamp", 1, "tau: got 0.99 to 2 bits, expected finite time constants of at least 1"),
        ([0.5, 2.0], "softplus", 4, "at least 1"),
        ([0.2, 2.0], "clamp", 4, "at least 0.25"),
        ([float("nan")], "clamp", 1, "tau: got nan"),
        ([float("inf")], "projected", 1, "tau: got inf"),
    ],
)
def test_impossible_time_constants(tau, form, k, message):
    with pytest.raises(ValueError, match=message):
        raw_of(torch.tensor(tau), form, k)
