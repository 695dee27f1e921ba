"""The hidden chain on a GPU, in Triton. A program goes through a chunk of a trial's bins with the states in registers,
forward and, for the posterior, back. If there are trials enough, a chunk is a whole trial. Few long trials are cut:

1. `multiply`: what a chunk does to the states is a matrix, the product of its bins' transitions and emissions; its row
   i is the forward pass from state i in the chunk's first bin, and each row has a program;
2. `scan`: from chunk to chunk, the states before a chunk is seen (`starts`) and what comes after it (`ends`);
3. `walk`: every chunk from its start and its end, as a whole trial.
"""

import torch
import triton
from torch import Tensor
from triton import knobs

from brainlib.brainstates.kernels.triton.posterior import multiply, scan, walk

CHUNKS = 64, 128, 256, 512, 1024, 2048  # bins
# Estimates. An earlier form of these kernels took at most 12 % longer by them than by the best chunk, on an H100.
AT_ONCE = 1000  # warps that a large GPU runs without one slowing another
SCANNED = 3  # how long a chunk takes in the scan, in bins of a walk
LAUNCHES = 500  # how long the launches that chunks add take to start, in bins of a walk


def forward_backward(log_emission, log_transition, log_initial, lengths, scaled) -> tuple[Tensor, Tensor, Tensor]:
    chain = log_emission, log_transition, log_initial, lengths
    states, transitions, log_likelihood = infer(*chain, scaled, smooth=True)
    if transitions.shape[1] > 1:
        transitions = transitions.sum(1, keepdim=True, dtype=torch.float64).to(states.dtype)
    return states, transitions[:, 0].mT, log_likelihood


def filter_states(log_emission, log_transition, log_initial, lengths, scaled) -> tuple[Tensor, Tensor]:
    return infer(log_emission, log_transition, log_initial, lengths, scaled, smooth=False)[::2]


def infer(
    log_emission: Tensor, log_transition: Tensor, log_initial: Tensor, lengths: Tensor, scaled: bool, smooth: bool
) -> tuple[Tensor, Tensor | None, Tensor]:
    """States [B, T, S], transitions of every chunk, transposed [B, chunks, S, S], and the log likelihood [B].

    With `smooth` the states are given the whole trial, else what was seen so far, without transitions.
    """
    if not log_emission.is_cuda and not knobs.runtime.interpret:
        expected = "a GPU (or Triton's interpreter: TRITON_INTERPRET=1)"
        raise ValueError(f"log_emission: got a tensor on {log_emission.device}, expected {expected}")
    (B, T, S), dtype = log_emission.shape, log_emission.dtype
    chunk = chunk_bins(B, T, S, dtype)
    chunks = triton.cdiv(T, chunk)
    sizes, options = (T, S, chunk), {"LOGS": not scaled, "BS": padded(S), "num_warps": warps_of(S, dtype)}
    new = log_emission.new_empty
    states, log_likelihood = torch.zeros_like(log_emission), new(B, dtype=torch.float64)
    passed, transitions = (torch.empty_like(states), new(B, chunks, S, S)) if smooth else (states, None)
    log_transposed = log_transition.mT.contiguous() if smooth else None
    with torch.cuda.device_of(log_emission):
        starts, ends = log_initial, None
        if chunks > 1:
            products, scales = new(2, B, chunks, S, S), new(B, chunks, S, dtype=torch.float64)
            starts, ends = new(B, chunks, S), new(B, chunks, S)
            multiply[B * chunks * S,](log_emission, log_transition, lengths, products, scales, *sizes, **options)
            scan[B, 2](
                log_initial, products, scales, lengths, starts, ends, log_likelihood, *sizes,
                BS=padded(S), num_warps=scan_warps(S, dtype),
            )  # fmt: skip
        walk[B * chunks,](
            log_emission, log_transition, log_transposed, starts, ends, lengths,
            passed, states, transitions, log_likelihood, *sizes, SMOOTH=smooth, **options,
        )  # fmt: skip
    return states, transitions, log_likelihood


def chunk_bins(trials: int, bins: int, states: int, dtype: torch.dtype) -> int:
    """The bins of a chunk with which the fewest bins should follow each other."""

    def bins_in_a_row(chunk: int) -> float:
        chunks = triton.cdiv(bins, chunk)
        crowd = trials * chunks * warps_of(states, dtype) / AT_ONCE
        walked = 2.0 * chunk * max(1, crowd)
        return walked if chunks == 1 else walked + chunk * max(1, states * crowd) + SCANNED * chunks + LAUNCHES

    return min((bins, *(c for c in CHUNKS if c < bins)), key=bins_in_a_row)


def padded(states: int) -> int:
    return max(4, triton.next_power_of_2(states))


def warps_of(states: int, dtype: torch.dtype) -> int:
    """So many that a matrix of the states takes 32 registers of a thread at most."""
    return max(1, padded(states) ** 2 * dtype.itemsize // 4096)


def scan_warps(states: int, dtype: torch.dtype) -> int:
    """More: few programs run at once, and a chunk takes exponentials of a whole matrix."""
    return min(8, max(1, padded(states) ** 2 * dtype.itemsize // 1024))
