"""The parts `scan` and `memory` of benchmarks.gpu: spiking neurons with astrocytes.

Both begin with `differences` from float64, with all gradients, in float32 and bfloat16.

- `scan`, by time steps, columns and dtype: milliseconds of forward and of a training step (forward and backward) with
  an astrocyte's current, as captured CUDA graphs, their share of the copy ceiling by the bytes that they must move, and
  other cuts; without an astrocyte, eager, beside SpikingJelly 2.0's multi-step LIF on its Triton backend;
- `memory`, by batch, tokens, heads, head size and decay: milliseconds of forward and of a training step, captured and
  eager, beside flash-linear-attention's `chunk_simple_gla` and torch operations on the same work.

SpikingJelly and flash-linear-attention are optional: `pip install spikingjelly flash-linear-attention`.
"""

import importlib.util
import os
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product

import torch
from torch import Tensor

from benchmarks.gpu_clock import captured, milliseconds

SCANS = (128, 8192), (512, 4096), (2048, 16_384), (32, 64 * 65_536)  # time steps, columns
OPTIONS = "hard", "atan", True  # reset, surrogate, detach_reset
SCAN_CUTS = (32, 1), (64, 1), (64, 2), (128, 4), (256, 4)  # columns, warps
MEMORIES = (8, 2048, 32, 64), (1, 16_384, 16, 64), (4, 2048, 16, 128)  # batch, tokens, heads, head size
MEMORY_CUTS = (
    (64, 64, 4, 2),
    (64, 64, 8, 3),
    (64, 128, 8, 2),
    (128, 64, 8, 2),
    (32, 64, 4, 3),
)  # chunk, tile, warps, stages


def scan(record: dict) -> Iterator[tuple[str, object]]:
    ceiling = record["ceilings"]["copy_gigabytes_a_second"]
    yield "copy_gigabytes_a_second", ceiling
    yield "differences", {str(dtype): scan_differences(dtype) for dtype in (torch.float32, torch.bfloat16)}
    for (steps, columns), dtype in product(SCANS, (torch.float32, torch.bfloat16)):
        torch.cuda.empty_cache()
        yield f"{steps} x {columns}, {dtype}", one_scan(steps, columns, dtype, ceiling)


def memory(record: dict) -> Iterator[tuple[str, object]]:
    yield "differences", {str(dtype): memory_differences(dtype) for dtype in (torch.float32, torch.bfloat16)}
    for what, size, gated in product(("kernels", "operations"), MEMORIES, (False, True)):  # ours first
        torch.cuda.empty_cache()
        inputs = memory_inputs(size, gated)
        found = memory_kernels(*inputs) if what == "kernels" else memory_operations(*inputs, gated)
        yield f"{what} of {' x '.join(map(str, size))}, {'gated' if gated else 'fixed'}", found


def normal(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    g = torch.Generator("cuda").manual_seed(len(shape))
    return torch.randn(shape, generator=g, device="cuda").to(dtype)


def scan_differences(dtype: torch.dtype) -> list[float]:
    """Relative ones, with no neuron near its threshold, where precision would decide."""
    current, astro, d_spikes = normal(3, 8, 501, 100, dtype=dtype)
    current = torch.where(current > 0.4, 2.0, current.clamp(-0.2, 0.2))  # what fires is far above, the others far below
    return differences(train_neurons, [current, 0.1 * astro.clamp(-1, 1), *plain_neurons(8, 100)], d_spikes)


def plain_neurons(sequences: int, columns: int) -> tuple[Tensor, Tensor]:
    """Their rates, a leak of 1/2 and a threshold of 1, and their first membranes."""
    rates = torch.tensor([[0.5], [1.0]], device="cuda").repeat(1, columns)
    return rates, torch.zeros(1, sequences, columns, device="cuda")


def train_neurons(inputs: list[Tensor], d_spikes: Tensor) -> list[Tensor]:
    """Values and gradients of `inputs`: current, astrocyte, rates and state."""
    from brainlib.astrosnn.kernels import triton as kernels

    spikes, last, kept = kernels.forward("lif", *inputs, *OPTIONS)
    d_last = torch.zeros_like(last)
    return [spikes, last, *kernels.backward("lif", d_spikes, d_last, *inputs[:3], kept, True, *OPTIONS)]


def memory_differences(dtype: torch.dtype) -> list[float]:
    from brainlib.astrosnn.kernels.memory import triton as kernels

    q, k, v, d_output = normal(4, 2, 501, 3, 64, dtype=dtype) / 8

    def run(inputs: list[Tensor], d_output: Tensor) -> list[Tensor]:
        output, last, errors = kernels.forward(*inputs)
        *gradients, _, d_state = kernels.backward(d_output, torch.zeros_like(last), *inputs, errors)
        return [output, last, *gradients, d_state]

    return differences(run, [q, k, v, -normal(2, 501, 3).abs(), None, normal(2, 3, 64, 64)], d_output)


def differences(run: Callable, inputs: list[Tensor | None], gradient: Tensor) -> list[float]:
    truth = run([tensor if tensor is None else tensor.double() for tensor in inputs], gradient.double())
    return [float((f - t).norm() / t.norm()) for f, t in zip(run(inputs, gradient), truth, strict=True)]


def one_scan(steps: int, columns: int, dtype: torch.dtype, ceiling: float) -> dict:
    from brainlib.astrosnn.kernels import triton as kernels

    current, astro, gradient = (normal(1, steps, columns, dtype=dtype) for _ in range(3))
    rates, state = plain_neurons(1, columns)

    def forward(astro: Tensor | None = astro) -> tuple:
        return kernels.forward("lif", current, astro, rates, state, *OPTIONS)

    def train(astro: Tensor | None = astro) -> tuple:
        *_, kept = forward(astro)
        return kernels.backward("lif", gradient, torch.zeros_like(state), current, astro, rates, kept, False, *OPTIONS)

    results, own = {"plan": str(kernels.plan(columns))}, kernels.plan
    for name, run, tensors in (("forward", forward, 3), ("training", train, 8)):
        time = milliseconds(captured(run))
        moved = steps * columns * (tensors * dtype.itemsize + (2 if run is train else 1) * 4 / kernels.SEGMENT)
        results[name] = {
            "milliseconds": time, "bytes_an_element": moved / steps / columns,
            "share_of_copy_ceiling": moved / time / 1e6 / ceiling,
        }  # fmt: skip
    results["training, cut otherwise"] = cuts = {}
    for cut in SCAN_CUTS:
        kernels.plan = lambda columns, cut=cut: kernels.Cut(*cut)
        try:
            cuts[str(cut)] = milliseconds(captured(train), repeats=10)
        finally:
            kernels.plan = own
    results["without an astrocyte, eager"] = {
        "forward": milliseconds(partial(forward, None)), "training": milliseconds(partial(train, None)),
    }  # fmt: skip
    results["SpikingJelly, eager"] = spikingjelly(current[0], gradient[0])
    return results


def spikingjelly(current: Tensor, gradient: Tensor) -> dict | str:
    os.environ["SJ_LIF_CUDA_IMPLEMENTATION"] = "triton"
    if not importlib.util.find_spec("spikingjelly"):
        return "not measured: SpikingJelly is not installed"
    from spikingjelly.activation_based import functional, surrogate

    leaf, state = current.clone().requires_grad_(), torch.zeros_like(current[0], dtype=torch.float32)
    neuron = {"tau": 2.0, "decay_input": False, "detach_reset": True, "surrogate_function": surrogate.ATan()}

    def forward() -> Tensor:
        return functional.lif_multi_step(leaf, state, **neuron)[0]

    with torch.no_grad():
        alone = milliseconds(forward)
    return {"forward": alone, "training": milliseconds(lambda: torch.autograd.grad(forward(), leaf, gradient))}


def memory_inputs(size: tuple[int, int, int, int], gated: bool) -> tuple[Tensor, ...]:
    """q, k, v, log_decay, state and the output's gradient."""
    B, T, h, d = size
    q, k, v, gradient = (normal(*size, dtype=torch.bfloat16) / d**0.5 for _ in range(4))
    log_decay = -0.1 * normal(B, T, h).abs() if gated else torch.linspace(-0.125, -1 / 2048, h, device="cuda")
    return q, k, v, log_decay, torch.zeros(B, h, d, d, device="cuda"), gradient


def memory_kernels(*inputs_and_gradient: Tensor) -> dict:
    from brainlib.astrosnn.kernels.memory import triton as kernels

    *inputs, state, gradient = inputs_and_gradient
    inputs += [None, state]

    def train() -> list[Tensor]:
        output, last, errors = kernels.forward(*inputs)
        return [output, last, *kernels.backward(gradient, torch.zeros_like(last), *inputs, errors)]

    own = kernels.plan
    results = {
        "plan": str(own(inputs[0].dtype)),
        "forward": milliseconds(captured(partial(kernels.forward, *inputs))),
        "training": milliseconds(captured(train)),
    }
    results["training, cut otherwise"] = cuts = {}
    for cut in MEMORY_CUTS:
        kernels.plan = lambda dtype, cut=cut: kernels.Cut(*cut)
        try:
            cuts[str(cut)] = milliseconds(captured(train), repeats=10)
        finally:
            kernels.plan = own
    return results


def memory_operations(
    q: Tensor, k: Tensor, v: Tensor, log_decay: Tensor, state: Tensor, gradient: Tensor, gated: bool
) -> dict:
    """Eager, as readers call them."""
    from brainlib.astrosnn import astrocyte_memory

    results = {}
    operations = {impl: partial(astrocyte_memory, state=state, impl=impl) for impl in ("triton", "torch")}
    operations["chunk_simple_gla"] = simple_gla(state, gated)
    leaves = [tensor.clone().requires_grad_() for tensor in (q, k, v, *((log_decay,) if gated else ()))]
    rest = () if gated else (log_decay,)
    for name, operation in operations.items():
        if isinstance(operation, str):
            results[name] = operation
            continue

        def run(operation: Callable = operation) -> Tensor:
            return operation(*leaves, *rest)[0]

        with torch.no_grad():
            alone = milliseconds(run)
        try:
            training = milliseconds(lambda run=run: torch.autograd.grad(run(), leaves, gradient))
        except RuntimeError as refusal:  # flash-linear-attention's, of some versions of Triton on some cards
            if name != "chunk_simple_gla":
                raise
            training = f"not measured: {refusal}"
        results[name] = {"forward": alone, "training": training}
    return results


def simple_gla(state: Tensor, gated: bool) -> Callable | str:
    if not importlib.util.find_spec("fla"):
        return "not measured: flash-linear-attention is not installed"
    from fla.ops.simple_gla import chunk_simple_gla

    def run(q: Tensor, k: Tensor, v: Tensor, log_decay: Tensor) -> tuple[Tensor, Tensor]:
        decays = {"g": log_decay} if gated else {"g_gamma": log_decay}
        return chunk_simple_gla(q, k, v, **decays, scale=1.0, initial_state=state, output_final_state=True)

    return run
