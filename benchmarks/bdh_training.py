"""A training step of BDH against the official formula: time and peak memory, both in processes of their own.

    python -m benchmarks.bdh_training [--threads 2] [--rounds 5]

Float32 without dropout (torch's own would cost the formula more still), `dim 128, neurons 8192, heads 4, layers 4`,
batch 8, length 256. Peak memory is what the process holds at most beyond the model before its first step.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

import torch

from benchmarks.official_bdh import OfficialBDH
from brainlib.backend import keep_freed_memory, provenance
from brainlib.bdh import BDH

SIZES = {"layers": 4, "dim": 128, "heads": 4, "neurons": 8192}
BATCH, LENGTH = 8, 256


def measure(which: str, threads: int, steps: int) -> dict[str, float]:
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    keep_freed_memory()  # helps both
    formula = OfficialBDH(**SIZES, dropout=0.0)
    model = formula if which == "formula" else BDH.from_official(formula.state_dict(), layers=SIZES["layers"])
    arguments = {} if which == "formula" else {"carry": False}
    tokens, targets = torch.randint(256, (2, BATCH, LENGTH))
    before, seconds = peak(), []
    for _ in range(steps):
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=which == "brainlib, bf16 products"):
            loss = model(tokens, targets, **arguments)[1]
        loss.backward()
        seconds.append(time.perf_counter() - start)
        model.zero_grad()
    return {"seconds": statistics.median(seconds[1:]), "megabytes": (peak() - before) / 1e6}


def peak() -> float:
    scale = 1 if sys.platform == "darwin" else 1024  # kilobytes on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        print(json.dumps(measure(arguments.only, arguments.threads, steps=5)))
        return
    kinds = ["formula", "brainlib", "brainlib, bf16 products"]
    results = {kind: [] for kind in kinds}
    for _ in range(arguments.rounds):  # side by side: one after the other, round after round
        for kind in kinds:
            command = [
                sys.executable,
                "-m",
                "benchmarks.bdh_training",
                "--only",
                kind,
                "--threads",
                str(arguments.threads),
            ]
            results[kind].append(json.loads(subprocess.check_output(command)))
    print(json.dumps(provenance()))
    for kind in kinds:
        ratio = {
            field: statistics.median(
                f[field] / r[field] for f, r in zip(results["formula"], results[kind], strict=True)
            )
            for field in ("seconds", "megabytes")
        }
        seconds, megabytes = (statistics.median(r[field] for r in results[kind]) for field in ("seconds", "megabytes"))
        print(
            f"{kind:24s} {seconds:6.2f} s a step ({ratio['seconds']:.2f} times the formula's speed), "
            f"{megabytes:6.0f} MB ({1 / ratio['megabytes']:.2f} of the formula's)"
        )


if __name__ == "__main__":
    main()
