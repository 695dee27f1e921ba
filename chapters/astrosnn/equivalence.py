"""Whether the forms of the astrocyte's memory, and of a unit that has one, are one function: claim A1.

The ground truth are the loops of `reference`, in float64.
"""

import torch
from torch import Generator, Tensor
from torch.nn.functional import logsigmoid, normalize

from brainlib.arguments import seeded
from brainlib.astrosnn import AMSU, AMSUConfig, astrocyte_memory, reference

KINDS = {"fixed": "matrix", "gated": "gated", "delta": "delta"}  # and as a unit calls them
FORMS = {
    "recurrent": {"form": "recurrent", "impl": "torch"},
    "recurrent, compiled": {"form": "recurrent", "impl": "cpu"},
    "parallel": {"form": "parallel", "impl": "torch"},
    "chunked": {"form": "chunked", "impl": "torch"},
}
STEPS = 67


def problem(kind: str, generator: Generator) -> list[Tensor | None]:
    """Random query, key, value, log decay, write and state in float64, two sequences and three heads; the inputs that
    the kind has ask for gradients."""
    batch, heads, key_dim, value_dim = 2, 3, 5, 4

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    query, key = (normalize(normal(batch, STEPS, heads, key_dim), dim=-1) for _ in range(2))
    log_decay = normal(heads) if kind == "fixed" else normal(batch, STEPS, heads)
    inputs = [
        query,
        key,
        normal(batch, STEPS, heads, value_dim),
        logsigmoid(log_decay + 2),
        normal(batch, STEPS, heads).sigmoid() if kind == "delta" else None,
        normal(batch, heads, key_dim, value_dim),
    ]
    return [None if tensor is None else tensor.requires_grad_() for tensor in inputs]


def differences(kind: str, seed: int) -> dict[str, tuple[float, float]]:
    """How far each of `FORMS` is from the loops on one random problem: the largest difference of answers and last
    states, of a sequence whole and in two parts, and that of the gradients, each relative to the largest entry."""
    generator = seeded(seed)
    inputs = problem(kind, generator)
    truth = reference.memory(*inputs)
    pull = [torch.randn(found.shape, generator=generator, dtype=torch.float64) for found in truth]

    def gradients(results: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        loss = sum((result * weight).sum() for result, weight in zip(results, pull, strict=True))
        return torch.autograd.grad(loss, [tensor for tensor in inputs if tensor is not None])

    found, slopes = {}, gradients(truth)
    for name, options in FORMS.items():
        whole = astrocyte_memory(*inputs, **options)
        values = max(_apart(whole, truth), _apart(_in_two_parts(inputs, STEPS // 3, options), truth))
        found[name] = (values, _apart(gradients(whole), slopes))
    return found


def differing_spikes(kind: str, seed: int) -> int:
    """How many spikes of a random layer differ at most between a form of its astrocyte and the layer, one token after
    another; in float64, of 2 sequences and 24 neurons."""
    generator = seeded(seed)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        layer = AMSU(AMSUConfig(24, heads=3, astrocyte=KINDS[kind])).double()
    x = 2 * torch.randn(2, STEPS, 24, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        layer.output.weight.copy_(torch.eye(24))  # so that what comes out is the spikes
        truth = layer.trace(x).spikes
        return max(int((layer(x, form=form) != truth).sum()) for form in ("recurrent", "parallel", "chunked"))


def _in_two_parts(inputs: list[Tensor | None], cut: int, options: dict) -> tuple[Tensor, Tensor]:
    """Answers and last state of a sequence that is cut, the state carried over."""
    *per_token, state = inputs
    answers = []
    for part in (slice(0, cut), slice(cut, None)):
        given = [tensor if tensor is None or tensor.ndim == 1 else tensor[:, part] for tensor in per_token]
        answer, state = astrocyte_memory(*given, state, **options)
        answers.append(answer)
    return torch.cat(answers, 1), state


def _apart(found: tuple[Tensor, ...], truth: tuple[Tensor, ...]) -> float:
    pairs = zip(found, truth, strict=True)
    return max(float((one - two).detach().abs().max() / two.detach().abs().max()) for one, two in pairs)
