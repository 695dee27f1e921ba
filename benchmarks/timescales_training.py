"""A training step of the leaky network against a loop under autograd and against `torch.nn.RNN`, and its parts.

    python -m benchmarks.timescales_training [--threads 1 2] [--rounds 7] [--record timescales.json]

A step is forward, the loss of ten heads on the last state, and backward, in float32; the optimiser's own work, the same
for all, is left out. `torch.nn.RNN` (relu) has neither a leak nor time constants: it does less. All of them, and the
matrix product that bounds them, take turns within a round; each thread count is a process of its own. Printed are
medians over the rounds, of the ratios those within a round.

- the rate: 6 n^2 B T operations a step against what `torch.mm` reaches, in one step's product [B, n] x [n, n] or in one
  of 2,048^3, whichever is faster;
- the time a bit at growing T: a straight line if it stays;
- the share of drawing the data in a step.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, leaky_relu, linear

from benchmarks.report import medians, seconds
from brainlib.backend import keep_freed_memory, provenance
from brainlib.timescales import LeakyRNN, tasks

HEADS, LARGEST_SPAN = 10, 11


class Size(NamedTuple):
    units: int
    batch: int
    length: int
    steps: int  # of each kind in a round


SIZES = {
    "paper": Size(units=500, batch=256, length=30, steps=3),
    "laptop": Size(units=100, batch=64, length=30, steps=40),
}
LENGTHS = 30, 60, 120, 240, 480
OURS, LOOP, RNN = "brainlib", "autograd loop", "torch.nn.RNN"


class Loop(nn.Module):
    """The network as a reader would write it, under the same heads."""

    def __init__(self, like: LeakyRNN):
        super().__init__()
        self.like = like

    def forward(self, bits: Tensor, h: Tensor) -> Tensor:
        net = self.like
        weight, bias = net.weight.masked_fill(net.diagonal, 0), net.recurrent_bias + net.input_bias
        leak = 1 / net.raw_tau.clamp(min=1)
        for x in bits:  # [B, 1]
            h = leaky_relu((1 - leak) * h + leak * (linear(h, weight, bias) + x * net.input_weight))
        return net.read(h)


class Elman(nn.Module):
    def __init__(self, like: LeakyRNN):
        super().__init__()
        self.like, self.rnn = like, nn.RNN(1, like.units, nonlinearity="relu")

    def forward(self, bits: Tensor, h: Tensor) -> Tensor:
        return self.like.read(self.rnn(bits, h[None])[1][0])


def step(network: nn.Module, bits: Tensor, h0: Tensor, answers: Tensor) -> None:
    logits = network(bits, h0)  # [heads, B, 2]
    loss = cross_entropy(logits.flatten(0, 1), answers.flatten()) * len(logits)
    loss.backward()
    for parameter in network.parameters():
        parameter.grad = None


def measure(threads: int, rounds: int) -> dict:
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    keep_freed_memory()  # helps all
    return {
        "threads": threads,
        **{name: compare(size, rounds) for name, size in SIZES.items()},
        "lengths": lengths(rounds),
    }


def compare(size: Size, rounds: int) -> dict[str, float]:
    n, B, T, steps = size
    generator = torch.Generator().manual_seed(0)
    ours = LeakyRNN(n, HEADS, generator=generator)
    networks = {OURS: ours, LOOP: Loop(ours), RNN: Elman(ours)}
    spans = range(LARGEST_SPAN - HEADS + 1, LARGEST_SPAN + 1)

    def draw() -> tuple[Tensor, Tensor, Tensor]:
        bits, answers = tasks.draw("parity", spans, B, generator, length=T)
        return bits, ours.initial_state(B, generator), answers

    calls = {name: lambda network=network: step(network, *data) for name, network in networks.items()}
    rows, matrix, square = torch.randn(B, n), torch.randn(n, n), torch.randn(2048, 2048)
    row_products, square_product = torch.empty_like(rows), torch.empty_like(square)
    calls |= {
        "data": draw,
        "product": lambda: torch.mm(rows, matrix, out=row_products),
        "large product": lambda: torch.mm(square, square, out=square_product),
    }
    times = dict.fromkeys(calls, steps) | {"product": 20 * steps, "large product": 1}
    data = draw()
    for call in calls.values():
        call()
        call()
    results = []
    for _ in range(rounds):
        took = {name: statistics.median(seconds(call, times[name])) for name, call in calls.items()}
        sgemm = max(2 * B * n**2 / took["product"], 2 * 2048**3 / took["large product"])
        rate = 6 * n**2 * B * T / took[OURS]
        results.append(
            {f"{name}, ms": 1e3 * took[name] for name in (*networks, "data")}
            | {f"times faster than {name}": took[name] / took[OURS] for name in (LOOP, RNN)}
            | {"GFLOP/s": rate / 1e9, "sgemm, GFLOP/s": sgemm / 1e9, "share of sgemm": rate / sgemm}
            | {"share of drawing data": took["data"] / (took["data"] + took[OURS])}
        )
    return medians(results)


def lengths(rounds: int) -> dict[str, float]:
    """Microseconds a bit at the laptop's size."""
    generator = torch.Generator().manual_seed(0)
    n, B, _, _ = SIZES["laptop"]
    network = LeakyRNN(n, HEADS, generator=generator)
    spans = range(2, HEADS + 2)
    data = {}
    for T in LENGTHS:
        bits, answers = tasks.draw("parity", spans, B, generator, length=T)
        data[T] = bits, network.initial_state(B, generator), answers
        step(network, *data[T])
    results = []
    for _ in range(rounds):
        taken = {T: seconds(lambda T=T: step(network, *data[T]), 600 // T) for T in LENGTHS}
        results.append({f"T {T}": 1e6 / T * statistics.median(each) for T, each in taken.items()})
    return medians(results)


def alone(threads: int, rounds: int) -> dict:
    command = [sys.executable, "-m", "benchmarks.timescales_training", "--only", str(threads), "--rounds", str(rounds)]
    return json.loads(subprocess.check_output(command))


def show(result: dict) -> None:
    print(f"{result['threads']} thread(s)")
    for name in (*SIZES, "lengths"):
        print(f"  {name}: {SIZES.get(name, 'microseconds a bit, units 100, batch 64')}")
        for what, value in result[name].items():
            print(f"    {what:32s} {value:9.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--record", type=Path)
    parser.add_argument("--only", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        print(json.dumps(measure(arguments.only, arguments.rounds)))
        return
    record = {"provenance": provenance(), "results": []}
    print(json.dumps(record["provenance"]))
    for threads in arguments.threads:
        record["results"].append(alone(threads, arguments.rounds))
        show(record["results"][-1])
    if arguments.record:
        arguments.record.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
