"""The posterior of a hidden chain against what others compute it with, one thread each.

    python -m benchmarks.brainstates_inference [--peers PYTHON] [--rounds 9] [--record inference.json]

PYTHON is an interpreter that has dynamax and hmmlearn (their own virtual environment, best); what it lacks is named and
left out. All take turns within a round, each five times, of which the fastest counts: others may use the machine.
Printed are medians over the rounds, of the ratios those within a round. The peers' posteriors are compared with ours
before anything is timed. At the end the peak of memory at growing T.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.peers import Peers
from benchmarks.report import ONE_THREAD, medians, seconds, show
from brainlib.backend import keep_freed_memory, provenance
from brainlib.brainstates.kernels import forward_backward

SIZES = {"1 x 100,000": (1, 100_000), "30 x 2,000": (30, 2_000)}  # sequences, bins
STATES = 5
TIMES = 5  # a round
OURS = "brainlib", "brainlib, float64"
PEERS = "dynamax, vmap", "dynamax, in turn", "hmmlearn, log", "hmmlearn, scaling"
LENGTHS = 125_000, 250_000, 500_000, 1_000_000
AGREEMENT = 1e-3  # of a posterior: single precision over 100,000 bins


def chain(sequences: int, bins: int) -> list[Tensor]:
    """The paper's transitions, and emissions that leave the state in doubt."""
    g = torch.Generator().manual_seed(0)
    states = torch.randint(STATES, (sequences, bins // 50 + 1), generator=g).repeat_interleave(50, 1)[:, :bins]
    log_emission = torch.randn(sequences, bins, STATES, generator=g) - 20
    log_emission.scatter_add_(2, states[..., None], torch.ones(sequences, bins, 1))
    matrix = torch.full((STATES, STATES), 0.005) + 0.975 * torch.eye(STATES)
    return [log_emission, matrix.log(), torch.full((STATES,), 1 / STATES).log()]


def compare(size: str, peers: Peers, rounds: int) -> dict[str, float | str]:
    single = chain(*SIZES[size])
    double = [tensor.double() for tensor in single]
    calls = dict(zip(OURS, (lambda: forward_backward(*single), lambda: forward_backward(*double)), strict=True))
    states = [call().states for call in calls.values()][-1]
    differences, results = {}, []
    with tempfile.TemporaryDirectory() as folder:
        for name, tensor in zip(("log_emission", "log_transition", "log_initial"), single, strict=True):
            np.save(Path(folder) / f"{name}.npy", tensor.numpy())
        for peer in PEERS:
            if peers.ask(peer, folder, 1) is None:
                continue
            theirs = torch.from_numpy(np.load(Path(folder) / f"{peer}.npy"))
            differences[f"{peer}: largest difference"] = difference = float((theirs - states).abs().max())
            if not difference < AGREEMENT:
                raise SystemExit(f"{size}: {peer} and brainlib differ by {difference}")
        for _ in range(rounds):
            took = {name: min(seconds(call, TIMES)) for name, call in calls.items()}
            took |= {peer: peers.ask(peer, folder, TIMES) for peer in PEERS if peer not in peers.missing}
            results.append(
                {f"{name}, ms": 1e3 * s for name, s in took.items()}
                | {f"times faster than {name}": s / took[OURS[0]] for name, s in took.items() if name not in OURS}
            )
    return medians(results) | differences | peers.left_out()


def memory() -> dict[str, float]:
    """Bytes a bin of one long recording that a process of its own holds at most, beside the inputs (Linux only)."""
    program = (
        "import ctypes, sys\n"
        "from pathlib import Path\n"
        "from benchmarks.brainstates_inference import chain, forward_backward\n"
        "def resident(line):\n"
        "    status = Path('/proc/self/status').read_text()\n"
        "    return 1024 * int(status.split(line)[1].split()[0])\n"
        "forward_backward(*chain(1, 1000))\n"
        "inputs = chain(1, int(sys.argv[1]))\n"
        "ctypes.CDLL(None).malloc_trim(0)\n"
        "Path('/proc/self/clear_refs').write_text('5')\n"  # the peak begins here
        "before = resident('VmRSS:')\n"
        "forward_backward(*inputs)\n"
        "print((resident('VmHWM:') - before) / int(sys.argv[1]))\n"
    )
    return {
        f"T {T}": float(subprocess.check_output([sys.executable, "-c", program, str(T)], env=os.environ | ONE_THREAD))
        for T in LENGTHS
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", default=sys.executable, help="an interpreter that has dynamax and hmmlearn")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--record", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    record = {"provenance": provenance()}
    with Peers(arguments.peers, "benchmarks.brainstates_peers") as peers:
        record |= {size: compare(size, peers, arguments.rounds) for size in SIZES}
    record["bytes a bin beside the inputs"] = memory()
    show(record, arguments.record)


if __name__ == "__main__":
    main()
