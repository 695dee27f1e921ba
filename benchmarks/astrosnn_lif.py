"""The scan of LIF neurons, forward and backward, against what others run them with, one thread each.

    python -m benchmarks.astrosnn_lif [--peers PYTHON] [--rounds 7] [--record lif.json]

PYTHON is an interpreter that has SpikingJelly 2 and snnTorch (their own virtual environment, best); what it lacks is
named and left out. All take turns within a round, each several times, of which the fastest counts: others may use the
machine. Printed are medians over the rounds, of the ratios those within a round. The peers' spikes and gradients are
compared with ours before anything is timed, and their memory is kept for them as ours is.

What must move: the current in and the spikes out, then the current and the gradient at the spikes in and the gradient
at the current out, 20 bytes a neuron and step. A copy moves 8; its rate is given for arrays of this size, which a cache
may hold, and for arrays that no cache holds.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from benchmarks.peers import Peers
from benchmarks.report import medians, seconds, show
from brainlib.astrosnn.kernels.lif import SURROGATES, lif_scan
from brainlib.backend import keep_freed_memory, provenance

SIZES = {"512 steps x 4,096": (512, 4096), "128 steps x 8,192": (128, 8192)}
PEERS = {"SpikingJelly": 3, "snnTorch": 1}  # runs in a round
DETACHED = {"SpikingJelly": True, "snnTorch": False}  # snnTorch lets the gradient through the spike that resets
TIMES = 10  # ours
SCAN_BYTES, COPY_BYTES = 20, 8
BEYOND_CACHES = 2**26  # numbers
KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(512 * 2**20), "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20)}
AGREEMENT = 1e-5  # of a gradient


def ours(current: torch.Tensor, d_spikes: torch.Tensor) -> dict:
    """What is timed, by name."""
    astro = torch.randn_like(current).requires_grad_()
    beta = torch.full((current.shape[1],), 0.5, requires_grad=True)
    leaves = current, astro, beta

    def run(*others, **options):
        for leaf in leaves:
            leaf.grad = None
        spikes, _ = lif_scan(current, *others, time_dim=0, **options)
        spikes.backward(d_spikes)
        return spikes

    def forward():
        with torch.no_grad():
            lif_scan(current, time_dim=0)

    return {
        "brainlib": run,
        "brainlib, forward alone": forward,
        "brainlib, with an astrocyte": lambda: run(astro),
        "brainlib, leaks learned": lambda: run(beta=beta),
        **{f"brainlib, {name}": lambda name=name: run(surrogate=name) for name in SURROGATES[1:]},
    }


def copying(numbers: int) -> float:
    """Seconds to copy so many."""
    source = torch.ones(numbers)
    target = torch.empty_like(source)
    return min(seconds(lambda: target.copy_(source), TIMES))


def compare(size: str, peers: Peers, rounds: int) -> dict[str, float | str]:
    g = torch.Generator().manual_seed(0)
    current, d_spikes = 0.3 + 0.7 * torch.randn(SIZES[size], generator=g), torch.randn(SIZES[size], generator=g)
    current.requires_grad_()
    calls, gradients, results = ours(current, d_spikes), {}, []
    for peer, detach_reset in DETACHED.items():
        spikes, _ = lif_scan(current, detach_reset=detach_reset, time_dim=0)
        (gradients[peer],) = torch.autograd.grad(spikes, current, d_spikes)
    with tempfile.TemporaryDirectory() as folder:
        for name, tensor in {"current": current.detach(), "d_spikes": d_spikes}.items():
            np.save(Path(folder) / f"{name}.npy", tensor.numpy())
        for peer in PEERS:
            if peers.ask(peer, folder, 1) is None:
                continue
            theirs = np.load(Path(folder) / f"{peer}.npz")
            difference = float(np.abs(theirs["d_current"] - gradients[peer].numpy()).max())
            if not ((theirs["spikes"] == spikes.detach().numpy()).all() and difference < AGREEMENT):
                raise SystemExit(f"{size}: {peer} and brainlib differ, gradients by {difference}")
        for _ in range(rounds):
            took = {name: min(seconds(call, TIMES)) for name, call in calls.items()}
            theirs = {p: peers.ask(p, folder, times) for p, times in PEERS.items() if p not in peers.missing}
            rate = SCAN_BYTES * current.numel() / took["brainlib"] / 1e9
            copies = {
                name: COPY_BYTES * numbers / copying(numbers) / 1e9
                for name, numbers in {"of this size": current.numel(), "beyond the caches": BEYOND_CACHES}.items()
            }
            results.append(
                {f"{name}, ms": 1e3 * s for name, s in (took | theirs).items()}
                | {f"times faster than {peer}": s / took["brainlib"] for peer, s in theirs.items()}
                | {"brainlib, GB/s": rate}
                | {f"copy {name}, GB/s": copied for name, copied in copies.items()}
                | {f"share of the copy {name}": rate / copied for name, copied in copies.items()}
            )
    return medians(results) | {"spikes a step": float(spikes.detach().mean())} | peers.left_out()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", default=sys.executable, help="an interpreter that has SpikingJelly 2 and snnTorch")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--record", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    record = {"provenance": provenance()}
    with Peers(arguments.peers, "benchmarks.astrosnn_lif_peers", **KEEP_MEMORY) as peers:
        record |= {size: compare(size, peers, arguments.rounds) for size in SIZES}
    show(record, arguments.record)


if __name__ == "__main__":
    main()
