"""The part `recurrence` of benchmarks.gpu: a training step of leaky recurrent networks.

In float32 and in TF32, by units, batch and bits: milliseconds of the loop under autograd, of our kernels (each eager
and as a captured CUDA graph) and of torch.nn.RNN; our kernels' differences from float64, and their times when the work
is cut otherwise.
"""

import copy
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.gpu_clock import captured, milliseconds
from benchmarks.timescales_training import Elman, Loop
from brainlib.timescales import LeakyRNN, tasks

DEVICE = "cuda"
RECURRENCES = (500, 256, 30), (500, 256, 250), (500, 64, 30), (250, 256, 30), (100, 64, 30)  # units, batch, bits
RECURRENCE_CUTS = (  # rows, columns, warps, all steps together
    (4, 128, 4, True), (8, 128, 4, True), (16, 128, 8, True),
    (16, 32, 4, False), (32, 32, 4, False), (32, 64, 4, False), (64, 64, 8, False),
)  # fmt: skip


def recurrence(record: dict) -> Iterator[tuple[str, object]]:
    """A training step of leaky networks: forward, the loss of ten heads on the last state, every gradient."""
    try:
        for products in ("highest", "high"):  # float32, then TF32
            torch.set_float32_matmul_precision(products)
            torch.backends.cudnn.allow_tf32 = products == "high"
            a, b = torch.randn(2, 4096, 4096, device=DEVICE)
            ceiling = 2 * 4096**3 / milliseconds(lambda a=a, b=b: a @ b) / 1e9
            yield (
                products,
                {"product_tflops": ceiling}
                | {
                    f"{units} units, batch {batch}, {length} bits": recurrence_steps(units, batch, length, ceiling)
                    for units, batch, length in RECURRENCES
                },
            )
    finally:
        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.allow_tf32 = True


def recurrence_steps(units: int, batch: int, length: int, ceiling: float) -> dict:
    """Milliseconds by who computes it, eager and as a captured graph, and of our kernels by how they are cut."""
    from brainlib.timescales.kernels import triton as kernels

    g = torch.Generator().manual_seed(0)
    network = LeakyRNN(units, 10, generator=g, impl="triton").to(DEVICE)
    bits, h0 = tasks.draw_bits(length, batch, g).to(DEVICE), network.initial_state(batch, g)
    answers = torch.randint(2, (10 * batch,), generator=g).to(DEVICE)

    def gradients(model: torch.nn.Module, h0: Tensor = h0) -> list[Tensor]:
        loss = functional.cross_entropy(model(bits, h0).flatten(0, 1), answers)
        found = torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)
        return [gradient for gradient in found if gradient is not None]

    def run(model: torch.nn.Module) -> Callable[[], object]:
        return lambda: gradients(model)

    ours, own = run(network), kernels.plan
    results = {"autograd loop": run(Loop(network)), "triton": ours}
    results = {name: {"eager": milliseconds(r), "captured": milliseconds(captured(r))} for name, r in results.items()}
    results["nn.RNN"] = {"eager": milliseconds(run(Elman(network).to(DEVICE)))}
    found, exact = ours(), copy.deepcopy(network).double()
    exact.impl = "reference"
    truth = gradients(exact, h0.double())
    rate = 6 * units**2 * batch * length / results["triton"]["captured"] / 1e9
    results["triton"] |= {
        "tflops": rate, "share_of_product_ceiling": rate / ceiling, "plan": str(own(batch, units, captured=True)),
        "largest_difference_of_a_gradient": max(
            float((f - t).norm() / t.norm()) for f, t in zip(found, truth, strict=True)
        ),
    }  # fmt: skip
    results["triton, cut otherwise"] = cuts = {}
    for cut in (kernels.Plan(*shape) for shape in RECURRENCE_CUTS):
        kernels.plan = lambda *sizes, cut=cut: cut
        try:
            cuts[str(cut)] = milliseconds(captured(ours), repeats=10)
        finally:
            kernels.plan = own
    return results
