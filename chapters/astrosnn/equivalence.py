"""Whether the forms of the astrocyte's memory, and of a unit that has one, are one function: claim A1.

The ground truth are the loops of `reference`, in float64.
"""

import time
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from brainlib.arguments import seeded
from brainlib.astrosnn import AMSU, AMSUConfig, astrocyte_memory, lif_scan, reference

KINDS = ("fixed", "gated", "delta")
UNITS = ("matrix", "gated", "delta")  # the same, as a unit calls them
FORMS = {
    "recurrent": {"form": "recurrent", "impl": "torch"},
    "recurrent, compiled": {"form": "recurrent", "impl": "cpu"},
    "parallel": {"form": "parallel", "impl": "torch"},
    "chunked": {"form": "chunked", "impl": "torch"},
}


class Difference(NamedTuple):
    """Largest differences from the loops, each relative to the largest entry there."""

    values: float  # of answers and last state
    split: float  # the same, of a sequence in two parts
    gradients: float  # of the loss's gradients to every input


def problem(kind: str, generator: torch.Generator, steps: int = 67) -> list[Tensor | None]:
    """Random query, key, value, log decay, write and state in float64, two sequences and three heads; the inputs that
    the kind has ask for gradients. Raises `ValueError` for another kind."""
    if kind not in KINDS:
        raise ValueError(f"kind: got {kind!r}, expected one of {', '.join(KINDS)}")
    batch, heads, key_dim, value_dim = 2, 3, 5, 4

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    def unit(*shape: int) -> Tensor:
        return torch.nn.functional.normalize(normal(*shape), dim=-1)

    query, key = (unit(batch, steps, heads, key_dim) for _ in range(2))
    log_decay = normal(heads) if kind == "fixed" else normal(batch, steps, heads)
    inputs = [
        query,
        key,
        normal(batch, steps, heads, value_dim),
        torch.nn.functional.logsigmoid(log_decay + 2),
        torch.sigmoid(normal(batch, steps, heads)) if kind == "delta" else None,
        normal(batch, heads, key_dim, value_dim),
    ]
    return [None if tensor is None else tensor.requires_grad_() for tensor in inputs]


@cache
def compared(seed: int) -> dict[str, dict[str, Difference]]:
    """`differences` for each of `KINDS`."""
    return {kind: differences(kind, seeded(seed)) for kind in KINDS}


def differences(kind: str, generator: torch.Generator, steps: int = 67) -> dict[str, Difference]:
    """How far each of `FORMS` is from the loops on one random problem."""
    inputs = problem(kind, generator, steps)
    learned = [tensor for tensor in inputs if tensor is not None]
    truth = reference.memory(*inputs)
    pull = [torch.randn(found.shape, generator=generator, dtype=torch.float64) for found in truth]
    gradients = _gradients(truth, pull, learned)
    found = {}
    for name, options in FORMS.items():
        whole = astrocyte_memory(*inputs, **options)
        found[name] = Difference(
            values=_apart(whole, truth),
            split=_apart(_in_two_parts(inputs, steps // 3, options), truth),
            gradients=_apart(_gradients(whole, pull, learned), gradients),
        )
    return found


def differing_spikes(unit: str, generator: torch.Generator, steps: int = 67) -> dict[str, int]:
    """How many spikes of a random layer differ between a form of its astrocyte and the layer, one token after another.

    `unit` is the kind as `AMSUConfig.astrocyte` names it. In float64; of 2 sequences and 24 neurons.
    """
    layer = AMSU(AMSUConfig(24, heads=3, astrocyte=unit), generator).double()
    x = 2 * torch.randn(2, steps, 24, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        layer.output.weight.copy_(torch.eye(24))  # so that what comes out is the spikes
        truth = layer.trace(x).spikes
        forms = ("recurrent", "parallel", "chunked")
        return {form: int((layer(x, form=form) != truth).sum()) for form in forms}


def milliseconds(seed: int) -> dict[str, float]:
    """How long a layer of 64 neurons takes for 512 tokens, forwards and backwards: the shortest of several runs."""
    normal = {"generator": seeded(seed), "dtype": torch.float32}
    heads = [(torch.randn(1, 512, 4, 16, **normal) / 4).requires_grad_() for _ in range(3)]
    decay = torch.log(1 - 2.0 ** -torch.linspace(3, 11, 4))
    current = (torch.randn(512, 1, 64, **normal) / 2).requires_grad_()

    def memory(**options) -> Callable[[], None]:
        return lambda: astrocyte_memory(*heads, decay, **options)[0].square().sum().backward()

    def membrane(**options) -> Callable[[], None]:
        return lambda: lif_scan(current, **options)[0].sum().backward()

    def shortest(run: Callable[[], None]) -> float:
        taken = []
        for _ in range(4):  # the first compiles
            start = time.perf_counter()
            run()
            taken.append(time.perf_counter() - start)
        return 1e3 * min(taken)

    runs = {
        "memory, token by token in torch": memory(form="recurrent", impl="torch"),
        "memory, parallel": memory(form="parallel"),
        "memory, chunked": memory(form="chunked"),
        "membrane, token by token in torch": membrane(impl="reference"),
        "membrane, lif_scan": membrane(),
    }
    return {name: shortest(run) for name, run in runs.items()}


def _in_two_parts(inputs: list[Tensor | None], cut: int, options: dict) -> tuple[Tensor, Tensor]:
    """Answers and last state of a sequence that is cut, the state carried over."""
    *per_token, state = inputs
    fixed = per_token[3].ndim == 1
    answers = []
    for part in (slice(0, cut), slice(cut, None)):
        given = [t if t is None or (fixed and n == 3) else t[:, part] for n, t in enumerate(per_token)]
        answer, state = astrocyte_memory(*given, state, **options)
        answers.append(answer)
    return torch.cat(answers, 1), state


def _gradients(results: tuple[Tensor, ...], pull: list[Tensor], inputs: list[Tensor]) -> tuple[Tensor, ...]:
    loss = sum((result * weight).sum() for result, weight in zip(results, pull, strict=True))
    return torch.autograd.grad(loss, inputs)


def _apart(found: tuple[Float[Tensor, "..."], ...], truth: tuple[Float[Tensor, "..."], ...]) -> float:
    pairs = zip(found, truth, strict=True)
    return max(float((one - two).detach().abs().max() / two.detach().abs().max()) for one, two in pairs)
