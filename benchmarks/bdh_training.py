"""A training step of BDH against the official formula: time and peak memory, each measured in a process of its own.

    python -m benchmarks.bdh_training [--threads 2] [--rounds 5] [--sizes small medium 25M]
    python -m benchmarks.bdh_training --memory-of-the-default [--threads 2]
    python -m benchmarks.bdh_training --long-texts [--threads 2] [--rounds 5]

Without dropout (torch's own would cost the formula more still). Peak memory is what the process holds at most beyond
the model before its first step. The second form takes one step of the official demo's batch, 32 x 512, with `brainlib`
alone, in float32 and with bfloat16 products: the formula would need more than 60 GB for it. The third takes steps on
one text of growing length, read in pieces with the gradient flowing through all of them.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from typing import NamedTuple

import torch

from benchmarks.official_bdh import OfficialBDH
from brainlib.backend import keep_freed_memory, provenance
from brainlib.bdh import BDH, BDHConfig


class Size(NamedTuple):
    layers: int
    dim: int
    neurons: int
    batch: int
    length: int
    steps: int = 5


SIZES = {
    "small": Size(layers=4, dim=64, neurons=2048, batch=16, length=128, steps=12),
    "medium": Size(layers=4, dim=128, neurons=8192, batch=8, length=256),
    "25M": Size(layers=6, dim=256, neurons=32768, batch=2, length=512, steps=3),
    "default": Size(layers=6, dim=256, neurons=32768, batch=32, length=512, steps=1),
}
LONG = 1024, 2048, 4096, 8192
FORMULA, FLOAT32, BFLOAT16 = "formula", "brainlib", "brainlib, bf16 products"


def measure(which: str, size: Size, threads: int) -> dict[str, float]:
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    keep_freed_memory()  # helps both
    formula = OfficialBDH(layers=size.layers, dim=size.dim, neurons=size.neurons, dropout=0.0)
    model = formula if which == FORMULA else BDH.from_official(formula.state_dict(), layers=size.layers)
    arguments = {} if which == FORMULA else {"return_state": False}
    tokens, targets = torch.randint(256, (2, size.batch, size.length))
    before, seconds = peak(), []
    for _ in range(size.steps):
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=which == BFLOAT16):
            loss = model(tokens, targets, **arguments)[1]
        loss.backward()
        seconds.append(time.perf_counter() - start)
        model.zero_grad()
    return {"seconds": statistics.median(seconds[1:] or seconds), "megabytes": (peak() - before) / 1e6}


def long_texts(threads: int, rounds: int) -> None:
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    keep_freed_memory()
    size = SIZES["small"]
    model = BDH(BDHConfig(layers=size.layers, dim=size.dim, neurons=size.neurons, heads=4, dropout=0.0))
    seconds = {length: [] for length in LONG}
    for _ in range(rounds):
        for length in LONG:
            tokens, targets = torch.randint(256, (2, 1, length))
            start = time.perf_counter()
            model(tokens, targets, return_state=False, chunk_size=512)[1].backward()
            seconds[length].append(time.perf_counter() - start)
            model.zero_grad()
    print(f"one text, {size.layers} layers, dim {size.dim}, {size.neurons} neurons, pieces of 512")
    for length, times in seconds.items():
        median = statistics.median(times)
        print(f"  {length:6d} tokens: {median:.3f} s a step, {1e6 * median / length:.0f} microseconds a token")


def peak() -> float:
    scale = 1 if sys.platform == "darwin" else 1024  # kilobytes on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def alone(which: str, size: str, threads: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.bdh_training", "--only", which, "--sizes", size]
    return json.loads(subprocess.check_output([*command, "--threads", str(threads)]))


def compare(size: str, threads: int, rounds: int) -> None:
    kinds = [FORMULA, FLOAT32, BFLOAT16]
    # Side by side: one after the other, round after round.
    results = [{kind: alone(kind, size, threads) for kind in kinds} for _ in range(rounds)]
    print(f"{size}: {SIZES[size]}")
    for kind in kinds:
        speed, memory = (
            statistics.median(one[FORMULA][field] / one[kind][field] for one in results)
            for field in ("seconds", "megabytes")
        )
        seconds, megabytes = (
            statistics.median(one[kind][field] for one in results) for field in ("seconds", "megabytes")
        )
        print(
            f"  {kind:24s} {seconds:6.3f} s a step ({speed:.2f} times the formula's speed), "
            f"{megabytes:6.0f} MB ({1 / memory:.2f} of the formula's)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["small", "medium", "25M"])
    parser.add_argument("--memory-of-the-default", action="store_true")
    parser.add_argument("--long-texts", action="store_true")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        print(json.dumps(measure(arguments.only, SIZES[arguments.sizes[0]], arguments.threads)))
        return
    print(json.dumps(provenance()))
    if arguments.memory_of_the_default:
        for kind in (FLOAT32, BFLOAT16):
            print(kind, alone(kind, "default", arguments.threads))
        return
    if arguments.long_texts:
        long_texts(arguments.threads, arguments.rounds)
        return
    for size in arguments.sizes:
        compare(size, arguments.threads, arguments.rounds)


if __name__ == "__main__":
    main()
