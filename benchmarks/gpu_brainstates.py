"""The part `brainstates` of benchmarks.gpu: inference in the hidden chain.

- `differences` of float32 from float64: our kernels, cut into chunks and not, and the loop below;
- for each size milliseconds of the posterior: as readers call it, arguments checked; as a captured CUDA graph, cut as
  planned and otherwise; and, where a graph of all its steps is not too large, of a loop over time in torch, batched
  over trials and captured too.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import product

import torch
from torch import Tensor

from benchmarks.gpu_clock import captured, milliseconds

SIZES = (30, 2000), (2064, 90), (512, 2000), (1, 1_000_000)  # trials, bins
STATES = 5, 20
CHUNKS = 64, 128, 256, 512, 1024, 2048
LONGEST_CHUNK = 10_000
IN_A_GRAPH = 2000  # steps of the loop in torch


def brainstates(record: dict) -> Iterator[tuple[str, object]]:
    from brainlib.brainstates.kernels.triton import filter_states, forward_backward

    yield "differences", differences()
    for S, (B, T) in product(STATES, SIZES):
        yield f"{B} x {T}, {S} states", timed(B, T, S)
    chain = random_chain(*SIZES[0], STATES[0])
    others = {"posterior": forward_backward, "filter": filter_states}
    times = {name: captured_time(partial(run, *chain)) for name, run in others.items()}
    back = torch.ones_like(chain[1], dtype=torch.bool).tril(-1)
    one_way = chain[1].masked_fill(back, -torch.inf).log_softmax(-1)
    zeros = partial(forward_backward, chain[0], one_way, *chain[2:4], False)
    yield "of 30 x 2000, 5 states", times | {"posterior, with transitions of 0": captured_time(zeros)}


def timed(B: int, T: int, S: int) -> dict:
    from brainlib.brainstates import kernels
    from brainlib.brainstates.kernels import triton as gpu
    from brainlib.brainstates.kernels.triton import forward_backward

    chain = random_chain(B, T, S)
    own = gpu.chunk_bins
    results = {
        "as called": milliseconds(lambda: kernels.forward_backward(*chain[:4])),
        "captured": captured_time(partial(forward_backward, *chain)),
        "bins of a chunk": own(B, T, S, torch.float32),
        "captured, by bins of a chunk": {},
    }
    for chunk in (c for c in (T, *CHUNKS) if c <= min(T, LONGEST_CHUNK)):
        gpu.chunk_bins = lambda *sizes, chunk=chunk: chunk
        try:
            time = captured_time(partial(forward_backward, *chain), repeats=10)
        finally:
            gpu.chunk_bins = own
        results["captured, by bins of a chunk"][chunk] = time
    results["bins a second"] = 1e3 * B * T / results["captured"]
    if T <= IN_A_GRAPH:
        results["loop in torch"] = milliseconds(partial(loop, *chain[:3]), repeats=1)
        results["loop in torch, captured"] = captured_time(partial(loop, *chain[:3]), repeats=3)
    return results


def captured_time(run: Callable[[], object], repeats: int = 10) -> float:
    time = milliseconds(captured(run), repeats)
    torch.cuda.empty_cache()
    return time


def differences() -> dict:
    """The largest of states, transitions (to the number of bins) and log likelihoods (relative)."""
    from brainlib.brainstates.kernels import triton as gpu
    from brainlib.brainstates.kernels.triton import forward_backward

    def largest(found: tuple[Tensor, ...], truth: tuple[Tensor, ...]) -> dict:
        scales = 1.0, truth[0].shape[1], truth[2].abs()
        return {
            name: float(((f - t).abs() / scale).max())
            for name, f, t, scale in zip(("states", "transitions", "log likelihood"), found, truth, scales, strict=True)
        }

    results, own = {}, gpu.chunk_bins
    for B, T, S in ((7, 1001, 5), (5, 1001, 20), (1, 200_001, 5)):
        chain = random_chain(B, T, S)
        exact = [tensor.double() for tensor in chain[:3]]
        short = T <= IN_A_GRAPH
        truth = loop(*exact) if short else forward_backward(*exact, *chain[3:])
        results[f"{B} x {T}, {S} states"] = found = {}
        if short:
            found["loop in torch"] = largest(loop(*chain[:3]), truth)
            found["float64"] = largest(forward_backward(*exact, *chain[3:]), truth)
        for chunk in (T, 64, 1024):
            gpu.chunk_bins = lambda *sizes, chunk=chunk: chunk
            try:
                found[f"chunks of {min(chunk, T)}"] = largest(forward_backward(*chain), truth)
            finally:
                gpu.chunk_bins = own
    return results


def random_chain(B: int, T: int, S: int) -> tuple[Tensor, Tensor, Tensor, Tensor, bool]:
    """log_emission around -200, states that stay 50 bins, and a uniform start; float32; `scaled` True."""
    g = torch.Generator("cuda").manual_seed(0)
    log_emission = 2 * torch.randn(B, T, S, generator=g, device="cuda") - 200
    stays = torch.eye(S, device="cuda", dtype=torch.float64)
    log_transition = (0.98 * stays + 0.02 * (1 - stays) / max(1, S - 1)).log().float().expand(B, S, S).contiguous()
    lengths = torch.full((B,), T, device="cuda")
    return log_emission, log_transition, torch.full((B, S), 1 / S, device="cuda").log(), lengths, True


def loop(log_emission: Tensor, log_transition: Tensor, log_initial: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """States, transitions and log likelihood of trials of one length, by scaled probabilities a bin at a time."""
    highest = log_emission.amax(-1, keepdim=True)
    e, P, T = (log_emission - highest).exp(), log_transition.exp(), log_emission.shape[1]
    ahead, totals, future = [], [], torch.ones_like(log_initial)
    now = log_initial.exp()
    for t in range(T):
        now = now * e[:, t]
        totals.append(now.sum(-1, keepdim=True))
        ahead.append(now / totals[-1])
        now = (ahead[-1][:, None] @ P)[:, 0]
    behind, seen = [future], []
    for t in range(T - 1, 0, -1):
        seen.append(e[:, t] * future / totals[t])
        future = (P @ seen[-1][..., None])[..., 0]
        behind.append(future)
    before = torch.stack(ahead, 1)
    pairs = before[:, :-1].mT @ torch.stack(seen[::-1], 1) if seen else torch.zeros_like(P)
    log_likelihood = (torch.stack(totals, 1).log() + highest).double().sum((1, 2))
    return before * torch.stack(behind[::-1], 1), P * pairs, log_likelihood
