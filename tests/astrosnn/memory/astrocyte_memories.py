"""Small memories, and what a loss sends back to everything in them."""

import torch
from agreement import shares
from torch import Tensor

KINDS = "fixed", "gated", "delta", "gated delta"
FORMS = {
    "compiled": {"impl": "cpu"},
    "recurrent": {"form": "recurrent", "impl": "torch"},
    "parallel": {"form": "parallel"},
    "chunked": {"form": "chunked"},
}
NAMES = "query", "key", "value", "log_decay", "write", "state"


def memory(kind: str, size: tuple, dtype: torch.dtype = torch.float64, seed: int = 0) -> dict[str, Tensor]:
    """Inputs of `size` (batch, time, heads, key_dim, value_dim), keys of length 1, decays down to exp(-2), one of 1."""
    B, T, h, K, V = size
    g = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=g, dtype=torch.float64)

    found = {"query": normal(B, T, h, K), "key": normal(B, T, h, K), "value": normal(B, T, h, V)}
    found["key"] = torch.nn.functional.normalize(found["key"], dim=-1)
    found["log_decay"] = -2 * torch.rand((B, T, h) if "gated" in kind else (h,), generator=g, dtype=torch.float64)
    found["log_decay"][..., 0] = 0.0
    if "delta" in kind:
        found["write"] = torch.rand(B, T, h, generator=g, dtype=torch.float64)
    found["state"] = normal(B, h, K, V)
    return {name: tensor.to(dtype) for name, tensor in found.items()}


def everything(astrocyte_memory, inputs: dict[str, Tensor], heard=("output", "last"), **options) -> dict[str, Tensor]:
    """Outputs, last state, and the gradients of a loss that reads what is `heard`."""
    leaves = {name: tensor.detach().clone().requires_grad_() for name, tensor in inputs.items()}
    output, last = astrocyte_memory(**leaves, **options)
    read = {"output": output, "last": last}
    loss = sum((read[name] * shares(read[name], -1, 2)).sum() for name in heard)
    found = {"output": output.detach(), "last": last.detach()}
    gradients = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
    return found | {f"d_{name}": d for name, d in zip(leaves, gradients, strict=True) if d is not None}
