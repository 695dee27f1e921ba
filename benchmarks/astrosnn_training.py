"""Training bytes a second of the AstroSNN language model beside a GRU and a transformer with as many parameters.

    python -m benchmarks.astrosnn_training [--threads 1] [--rounds 7] [--record astrosnn_training.json]

A step is forward, the loss at every byte, backward and AdamW, in float32 on random bytes: what a byte costs does not
depend on which it is. All models take turns within a round. Printed are medians over the rounds, of the ratios those
within a round. Those of the field have the usual feed-forward (gelu).
"""

import argparse
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch

from benchmarks.report import show
from brainlib.astrosnn import AMSUConfig, AstroSNN, AstroSNNConfig, matched
from brainlib.backend import keep_freed_memory, provenance


class Size(NamedTuple):
    layers: int
    dim: int
    batch: int
    length: int
    steps: int = 2  # of each model in a round


SIZES = {
    "small": Size(layers=2, dim=64, batch=16, length=256, steps=4),
    "laptop": Size(layers=4, dim=128, batch=16, length=256),
    "long": Size(layers=4, dim=128, batch=4, length=1024),
}
OURS = "AM-SU"


def models(size: Size) -> dict[str, AstroSNN]:
    """The same frame around all mixers, with as many parameters."""
    ours = AstroSNNConfig(layers=size.layers, dim=size.dim)
    gelu = replace(ours, feedforward="gelu")
    unit = AMSUConfig(dim=size.dim)
    configs = {
        OURS: ours,
        "AM-SU, gated astrocyte": replace(ours, unit=replace(unit, astrocyte="gated")),
        "AM-SU, delta rule": replace(ours, unit=replace(unit, astrocyte="delta")),
        "LIF": matched(ours, "lif"),
        "GRU": matched(gelu, "gru"),
        "transformer": matched(gelu, "attention"),
        "RWKV": matched(gelu, "rwkv"),
        "SpikeGPT": matched(gelu, "spikegpt"),
    }
    return {name: AstroSNN(config) for name, config in configs.items()}


def measure(size: Size, rounds: int) -> dict[str, float | str]:
    torch.manual_seed(0)
    contestants = models(size)
    optimizers = {name: torch.optim.AdamW(model.parameters(), lr=1e-3) for name, model in contestants.items()}
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(rounds + 1):  # the first compiles and warms
        for name, model in contestants.items():
            times = []
            for _ in range(size.steps):
                tokens, targets = torch.randint(256, (2, size.batch, size.length))
                start = time.perf_counter()
                optimizers[name].zero_grad()
                model(tokens, targets, return_state=False)[1].backward()
                optimizers[name].step()
                times.append(time.perf_counter() - start)
            if turn:
                seconds[name].append(min(times))
    results: dict[str, float | str] = {"size": str(size)}
    for name, model in contestants.items():
        count = sum(weight.numel() for weight in model.parameters())
        results[f"{name}: parameters"] = f"{count:,}, {model.state_size(size.length):,} numbers remembered"
        results[f"{name}: bytes/s"] = size.batch * size.length / statistics.median(seconds[name])
        ratios = [theirs / ours for ours, theirs in zip(seconds[OURS], seconds[name], strict=True)]
        results[f"{name}: times the time of {OURS}"] = statistics.median(ratios)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--record", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    keep_freed_memory()
    record = {"made": provenance()} | {name: measure(SIZES[name], arguments.rounds) for name in arguments.sizes}
    show(record, arguments.record)


if __name__ == "__main__":
    main()
