"""A few columns for each scan, and what a loss sends back to everything that moves them."""

import torch
from agreement import shares
from torch import Tensor

from brainlib.astrosnn.kernels.lif import lif_scan, slow_scan
from brainlib.astrosnn.kernels.wkv import WKVState, wkv

NAMES = {
    "lif": ("current", "astro", "beta", "threshold", "state"),
    "slow": ("current", "weight", "decay", "beta", "threshold", "membrane", "calcium"),
    "wkv": ("key", "value", "decay", "bonus", "mean", "log_weight"),
}
RESETS = "hard", "soft", "none"
SHAPE = 2, 9, 5  # sequences, steps, columns


def columns(model: str, shape=SHAPE, time_dim: int = 1, dtype=torch.float64, seed: int = 0) -> dict[str, Tensor]:
    """Everything that a scan takes, by name; neurons spike about as often as not."""
    g = torch.Generator().manual_seed(seed)
    step = tuple(size for axis, size in enumerate(shape) if axis != time_dim % len(shape))
    channels = step[-1:] or (1,)

    def draw(name: str) -> Tensor:
        sequence = name in ("current", "astro", "key", "value")
        rate = name in ("beta", "threshold", "weight", "decay", "bonus")
        x = torch.randn(shape if sequence else channels if rate else step, generator=g, dtype=torch.float64)
        scaled = {
            "current": 0.5 + x, "astro": x / 2, "beta": x.sigmoid(), "threshold": 0.5 + x.sigmoid(), "key": 3 * x,
            "decay": x.sigmoid(), "calcium": x.sigmoid(),
        }  # fmt: skip
        return scaled.get(name, x).float().to(dtype)

    return {name: draw(name) for name in NAMES[model]}


def scan(model: str, inputs: dict[str, Tensor], **options) -> list[Tensor]:
    """The output and the last states."""
    given = dict(inputs)
    if model == "lif":
        return list(lif_scan(**given, **options))
    names = ("membrane", "calcium") if model == "slow" else ("mean", "log_weight")
    state = tuple(given.pop(name) for name in names if name in given) or None
    if model == "wkv":
        output, last = wkv(**given, state=state and WKVState(*state), **options)
    else:
        output, last = slow_scan(**given, state=state, **options)
    return [output, *last]


def everything(model: str, inputs: dict[str, Tensor], reads=(1, 1, 1), **options) -> dict[str, Tensor]:
    """Values, and gradients of a loss that reads the output, the last states or one of them, each in its own way."""
    leaves = {name: tensor.detach().clone().requires_grad_() for name, tensor in inputs.items()}
    outputs = scan(model, leaves, **options)
    weighted = [output * shares(output, -1, 2) for output in outputs]
    losses = [weighted[0].sum(), *(state.sin().sum() for state in weighted[1:])]
    loss = sum(one for one, read in zip(losses, reads, strict=False) if read)
    gradients = torch.autograd.grad(loss, list(leaves.values()), materialize_grads=True)
    found = {f"output {i}": output.detach() for i, output in enumerate(outputs)}
    return found | {f"d_{name}": d for name, d in zip(leaves, gradients, strict=True)}
