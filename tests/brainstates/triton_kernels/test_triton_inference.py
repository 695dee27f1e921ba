"""The Triton kernels against the chain's definitions in float64."""

import pytest
import torch

pytest.importorskip("triton")

from brainlib.brainstates import kernels
from brainlib.brainstates.kernels import cpu, reference
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
    g = torch.Generator().manual_seed(100 * T + 10 * B + S)
    log_emission = spread * torch.randn(B, T, S, generator=g) - 200
    log_transition = (3 * torch.eye(S) + torch.randn(B, S, S, generator=g)).log_softmax(-1)
    log_initial = torch.randn(B, S, generator=g).log_softmax(-1)
    lengths = torch.randint(1, T + 1, (B,), generator=g)
    lengths[0], lengths[-1] = 1, T
    log_emission[torch.arange(T) >= lengths[:, None]] = float("nan")
    return [tensor.to(device, dtype) for tensor in (log_emission, log_transition, log_initial)] + [lengths.to(device)]


def one_way(log_emission, log_transition, log_initial, lengths):
    """The chain that begins in state 0 and from each state goes on to the next or stays."""
    S = log_transition.shape[-1]
    next_one = torch.eye(S, device=log_transition.device).roll(1, 1)
    next_one[-1] = next_one[0, 0] = 0
    log_transition = (0.9 * torch.eye(S, device=next_one.device) + 0.1 * next_one).to(log_transition)
    log_transition = (log_transition / log_transition.sum(-1, keepdim=True)).log().expand(len(lengths), S, S)
    log_initial = torch.full_like(log_initial, -torch.inf)
    log_initial[:, 0] = 0
    return log_emission, log_transition.contiguous(), log_initial, lengths


def exact(arguments):
    *logs, lengths = (tensor.cpu() for tensor in arguments)
    return *(log.double() for log in logs), lengths


def assert_near(found, expected, tolerance):
    """Within `tolerance` of 1, of the largest number of transitions, of the log likelihood."""
    for one, wanted in zip(found, expected, strict=True):
        finite = wanted[wanted.isfinite()].abs()
        atol = tolerance * max(1.0, float(finite.max()) if len(finite) else 0.0)
        torch.testing.assert_close(one.cpu().double(), wanted, rtol=0, atol=atol)


def score(paths, log_emission, log_transition, log_initial, lengths):
    """log p(z_1..T, x_1..T) of a path for each trial."""
    scores = []
    for path, e, P, p, T in zip(paths, log_emission, log_transition, log_initial, lengths.tolist(), strict=True):
        assert (path[T:] == -1).all()
        z = path[:T]
        scores.append(p[z[0]] + e[torch.arange(T), z].sum() + P[z[:-1], z[1:]].sum())
    return torch.stack(scores)


@pytest.fixture(params=[None, 4], ids=["whole trials", "chunks of four"])
def cut(request, monkeypatch):
    monkeypatch.setattr(gpu, "chunk_bins", lambda trials, bins, states, dtype: request.param or bins)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_posterior(size, device, cut, poisoned):
    arguments = chain(*size, device)
    assert_near(gpu.forward_backward(*arguments), reference.forward_backward(*exact(arguments)), 2e-6)


@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 2e-6), (torch.float64, 1e-11)])
def test_posterior_and_filter_in_both_precisions(dtype, tolerance, device, cut, poisoned):
    arguments = chain(*SIZES["odd"], device, dtype)
    assert_near(gpu.forward_backward(*arguments), reference.forward_backward(*exact(arguments)), tolerance)
    assert_near(gpu.filter_states(*arguments), reference.filter_states(*exact(arguments)), tolerance)


@pytest.mark.parametrize("spread", [20.0, 1e4])
def test_transitions_that_are_impossible(spread, device, cut, poisoned):
    """Far apart: a state that is thousands of nats behind may be the only one to go on from."""
    arguments = one_way(*chain(*SIZES["odd"], device, spread=spread))
    expected = reference.forward_backward(*exact(arguments))
    tolerance = max(2e-6, 1e-7 * spread)
    assert_near(gpu.forward_backward(*arguments), expected, tolerance)
    assert_near(gpu.filter_states(*arguments), reference.filter_states(*exact(arguments)), tolerance)
    assert gpu.viterbi(*arguments).cpu().equal(reference.viterbi(*exact(arguments)))


def test_emissions_that_only_one_state_can_explain(device, cut, poisoned):
    arguments = chain(*SIZES["odd"], device)
    arguments[0][:, 1::2, 1:] -= 1e4
    arguments[0][:, 2::5, :2] = -torch.inf
    assert_near(gpu.forward_backward(*arguments), reference.forward_backward(*exact(arguments)), 2e-6)


@pytest.mark.parametrize("transitions", ["possible", "impossible"])
def test_trials_that_cannot_be(transitions, device, cut, poisoned):
    arguments = chain(2, 7, 2, device)
    if transitions == "impossible":
        arguments = one_way(*arguments)
    arguments[3][:] = 7
    arguments[0][0], arguments[0][1] = -1.0, -2.0
    arguments[0][0, 5] = -torch.inf
    found, expected = gpu.forward_backward(*arguments), reference.forward_backward(*exact(arguments))
    assert expected[2][0] == -torch.inf and found[0][0].eq(0).all()
    assert_near(found, expected, 2e-6)
    assert_near(gpu.filter_states(*arguments), reference.filter_states(*exact(arguments)), 2e-6)
    assert (gpu.viterbi(*arguments)[0] == -1).all()
    paths = gpu.sample_paths(*arguments, torch.rand(3, 2, 7, device=device))
    assert (paths[:, 0] == -1).all() and (paths[:, 1] >= 0).all()


@pytest.mark.parametrize("size", ["one of everything", "odd", "sixty-four states"])
def test_the_best_path(size, device, poisoned):
    arguments = chain(*SIZES[size], device)
    found, model = gpu.viterbi(*arguments).cpu(), exact(arguments)
    torch.testing.assert_close(score(found, *model), score(reference.viterbi(*model), *model), rtol=1e-6, atol=0)


def test_drawn_paths(device, cut, poisoned):
    B, T, S = 2, 9, 5
    arguments = chain(B, T, S, device)
    uniforms = torch.rand(20, B, T, generator=torch.Generator().manual_seed(0))
    found = gpu.sample_paths(*arguments, uniforms.to(device)).cpu()
    expected = reference.sample_paths(*exact(arguments), uniforms)
    assert (found.eq(-1) == expected.eq(-1)).all()
    assert (found == expected).all((1, 2)).float().mean() >= 0.9  # but for a number on a border


def test_through_the_door(device):
    log_emission, log_transition, log_initial, lengths = chain(2, 5, 2, device)
    model = log_emission, log_transition[0], log_initial[0], lengths
    found, expected = (kernels.forward_backward(*model, impl=impl) for impl in ("triton", "reference"))
    assert_near(found, tuple(one.cpu().double() for one in expected), 2e-6)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="too slow for the interpreter")
@pytest.mark.parametrize("size", [(30, 2000, 5), (300, 300, 20), (2, 20_000, 20), (1, 100_000, 5), (5, 1000, 64)])
def test_large_sizes_as_they_are_planned(size, device, poisoned):
    arguments = chain(*size, device)
    for model in (arguments, one_way(*arguments)):
        expected = cpu.forward_backward(*exact(model))
        tolerance = 1e-5 if model is arguments else 1e-3  # one way, all hangs on the bin of each step
        assert_near(gpu.forward_backward(*model), expected, tolerance)
        assert_near(gpu.filter_states(*model), cpu.filter_states(*exact(model)), tolerance)


def test_few_long_trials_are_cut():
    assert gpu.chunk_bins(2064, 90, 5, torch.float32) == 90
    assert gpu.chunk_bins(5000, 5000, 5, torch.float32) == 5000
    assert gpu.chunk_bins(1, 1_000_000, 5, torch.float32) in gpu.CHUNKS


def test_a_cpu_without_the_interpreter_is_refused(monkeypatch):
    monkeypatch.setattr(gpu.knobs.runtime, "interpret", False)
    for function in (gpu.forward_backward, gpu.filter_states, gpu.viterbi):
        with pytest.raises(ValueError, match="log_emission: got a tensor on cpu"):
            function(*chain(1, 2, 2))
