"""The Triton kernels against the chain's definitions in float64."""

import pytest
import torch

pytest.importorskip("triton")

import hidden_chains

from brainlib.brainstates.kernels import filter_states, forward_backward
from brainlib.brainstates.kernels import triton as gpu

pytestmark = pytest.mark.usefixtures("patched_once")

SIZES = {  # trials, time, states
    "one of everything": (1, 1, 1),
    "one state": (2, 5, 1),
    "two states": (3, 7, 2),
    "odd": (3, 13, 5),
    "sixty-four states": (1, 6, 64),
}


def chain(B, T, S, device="cpu", dtype=torch.float32, spread=2.0):
    """log_emission around -200, where NaN stands beyond the lengths, and another chain a trial."""
    log_emission, *model = hidden_chains.chain(B, T, S)
    log_emission, lengths = spread / 2 * log_emission - 200, hidden_chains.some_lengths(B, T)
    log_emission[torch.arange(T) >= lengths[:, None]] = float("nan")
    return [tensor.to(device, dtype) for tensor in (log_emission, *model)] + [lengths.to(device)]


def with_zeros(arguments):
    """The same with impossible transitions and first states."""
    *logs, lengths = arguments
    return *hidden_chains.with_zeros(logs), lengths


def assert_near(arguments, tolerance):
    *logs, lengths = (tensor.cpu() for tensor in arguments)
    for function in (forward_backward, filter_states):
        expected = function(*(log.double() for log in logs), lengths, impl="cpu")
        hidden_chains.assert_same(function(*arguments, impl="triton"), expected, tolerance)


@pytest.fixture(params=[None, 4], ids=["whole trials", "chunks of four"])
def cut(request, monkeypatch):
    monkeypatch.setattr(gpu, "chunk_bins", lambda trials, bins, states, dtype: request.param or bins)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_posterior_and_filter(size, device, cut, poisoned):
    assert_near(chain(*size, device), 2e-6)


def test_in_double_precision_with_one_matrix(device, cut, poisoned):
    log_emission, log_transition, log_initial, lengths = chain(*SIZES["odd"], device, torch.float64)
    assert_near((log_emission, log_transition[0], log_initial[0], lengths), 1e-11)


@pytest.mark.parametrize("spread", [20.0, 1e4])
def test_transitions_that_are_impossible(spread, device, cut, poisoned):
    """Far apart: a state that is thousands of nats behind may be the only one to go on from."""
    assert_near(with_zeros(chain(*SIZES["odd"], device, spread=spread)), max(2e-6, 1e-7 * spread))


def test_emissions_that_only_one_state_can_explain(device, cut, poisoned):
    arguments = chain(*SIZES["odd"], device)
    arguments[0][:, 1::2, 1:] -= 1e4
    arguments[0][:, 2::5, :2] = -torch.inf
    assert_near(arguments, 2e-6)


@pytest.mark.parametrize("transitions", ["possible", "impossible"])
def test_trials_that_cannot_be(transitions, device, cut, poisoned):
    arguments = chain(2, 7, 2, device)
    if transitions == "impossible":
        arguments = with_zeros(arguments)
    arguments[3][:] = 7
    arguments[0][0], arguments[0][1] = -1.0, -2.0
    arguments[0][0, 5] = -torch.inf
    found = forward_backward(*arguments, impl="triton")
    assert found.log_likelihood[0] == -torch.inf and found.states[0].eq(0).all()
    assert_near(arguments, 2e-6)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="too slow for the interpreter")
@pytest.mark.parametrize("size", [(30, 2000, 5), (300, 300, 20), (2, 20_000, 20), (1, 100_000, 5), (5, 1000, 64)])
def test_large_sizes_as_they_are_planned(size, device, poisoned):
    arguments = chain(*size, device)
    assert_near(arguments, 1e-5)
    assert_near(with_zeros(arguments), 1e-3)  # all hangs on the bin of each step


def test_a_cpu_without_the_interpreter_is_refused(monkeypatch):
    monkeypatch.setattr(gpu.knobs.runtime, "interpret", False)
    for function in (forward_backward, filter_states):
        with pytest.raises(ValueError, match="log_emission: got a tensor on cpu"):
            function(*chain(1, 2, 2), impl="triton")
