"""The compiled recurrence against the equation step by step: its states, its gradients and its time."""

import time
from collections.abc import Callable
from typing import get_args

import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from brainlib.timescales.kernels import Activation, recurrence

NAMES = ("first state", "W", "w", "b", "leak a")


def differences(generator: torch.Generator) -> pd.DataFrame:
    """The largest differences, relative to the largest entry, in float64, of states and of the gradients of `NAMES`:
    a row for both forms of the leak with each activation, and one of the states with the leak folded by hand."""
    found = {}
    for inside in (True, False):
        for activation in get_args(Activation):
            bits, inputs = draw_problem(37, 5, 40, generator)
            pull = torch.randn(40, 5, 37, generator=generator, dtype=torch.float64)
            results = []
            for impl in ("reference", "auto"):
                states, _ = recurrence(bits, *inputs, inside=inside, activation=activation, impl=impl)
                results.append((states, *torch.autograd.grad((states * pull).sum(), inputs)))
            found[f"leak {'inside' if inside else 'outside'}, {activation}"] = list(map(difference, *results))
            if inside and activation == "leaky_relu":
                found["folded by hand"] = [max(map(difference, results[0][0], folded(bits, *inputs)))]
    columns = ["states", *(f"gradient of {name}" for name in NAMES)]
    return pd.DataFrame.from_dict(found, orient="index", columns=columns)


def draw_problem(units: int, batch: int, steps: int, generator: torch.Generator) -> tuple[Tensor, list[Tensor]]:
    """Bits, and a first state and the weights of a network, all in float64."""

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    bits = (torch.rand(steps, batch, generator=generator) < 0.5).double()
    tau = 1 + torch.rand(units, generator=generator, dtype=torch.float64) * 2
    weight = normal(units, units) / units**0.5
    problem = normal(batch, units), weight, normal(units), normal(units), 1 / tau
    return bits, [tensor.requires_grad_() for tensor in problem]


def difference(one: Tensor, two: Tensor) -> float:
    """The largest, relative to the largest entry."""
    return float((one - two).detach().abs().max() / one.detach().abs().max())


def folded(bits: Tensor, h: Tensor, W: Tensor, w: Tensor, b: Tensor, a: Tensor) -> list[Tensor]:
    """The states, with the leak folded into one matrix."""
    M = torch.diag(1 - a) + a[:, None] * W
    states = []
    for x in bits:
        h = functional.leaky_relu(h @ M.T + a * (w * x[:, None] + b))
        states.append(h)
    return states


def as_a_loop(bits: Tensor, h: Tensor, weight: Tensor, input_weight: Tensor, bias: Tensor, leak: Tensor) -> Tensor:
    """The last state, by the equation as it stands."""
    for x in bits:
        drive = h @ weight.T + bias + input_weight * x[:, None]
        h = functional.leaky_relu((1 - leak) * h + leak * drive)
    return h


def step_times(generator: torch.Generator) -> dict[str, float]:
    """Milliseconds of a training step, 100 units and 64 sequences of 30 bits, forwards and backwards."""
    bits, inputs = draw_problem(100, 64, 30, generator)
    bits, inputs = (bits.float(), [tensor.detach().float().requires_grad_() for tensor in inputs])
    peer = torch.nn.RNN(1, 100)
    calls = {
        "the equation as a loop": lambda: as_a_loop(bits, *inputs),
        "torch.nn.RNN": lambda: peer(bits[..., None])[1],
        "recurrence": lambda: recurrence(bits, *inputs)[1],
    }
    return {name: milliseconds(call) for name, call in calls.items()}


def milliseconds(step: Callable[[], Tensor], repeats: int = 30) -> float:
    """The shortest of many, which what else the machine does disturbs least."""
    taken = []
    for _ in range(repeats):
        begun = time.perf_counter()
        step().square().mean().backward()
        taken.append(time.perf_counter() - begun)
    return 1e3 * min(taken)
