"""What all scans share: sequences laid out as columns, and one differentiable operation, whoever computes it.

An implementation (`cpu`, or `triton` for a GPU) is a module with a number and two functions:

    SEGMENT: steps between two states that forward keeps, from which backward computes those between again
    forward(model, first, second, rates, state, *options) -> output, last, kept
    backward(model, d_output, d_last, first, second, rates, kept, learn, *options)
        -> d_first, d_second, d_rates, d_state

    first, second, output and their gradients [O, T, N]: sequences of N columns   rates, d_rates [P, N]
    state, last, d_last, d_state [K, O, N]   kept [K, O, ceil(T / SEGMENT), N]: the state before each segment
    all contiguous, on one device and of one dtype, but rates and states in float32 beside half precision; O, T, N >= 1
    second and d_output may be None; d_second is empty where second is None, d_rates unless `learn`
    model: "lif" (current, astrocyte; beta, theta; m), "slow" (current, None; beta, theta, w, lambda; m, c) or
           "wkv" (key, value; w, u; mean, log weight)
    options: reset, surrogate, detach_reset
"""

import importlib
import importlib.util
import math
from types import ModuleType
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from brainlib.astrosnn import reference
from brainlib.astrosnn.checks import one_of, require_tensor
from brainlib.operation import Operation

Implementation = Literal["auto", "reference", "cpu", "triton"]


class Columns:
    """Sequences as `first` (called `name`), with time along `time_dim`, as [O, T, N], and back.

    The kernels go through the columns of a step, which must lie beside each other: where time is the last axis it is
    moved in front. Raises `ValueError` for an axis that there is not, and for no step of no column.
    """

    def __init__(self, name: str, first: Tensor, time_dim: int = 1):
        if not -first.ndim <= time_dim < first.ndim:
            raise ValueError(f"time_dim: got {time_dim}, expected an axis of {name}'s shape {tuple(first.shape)}")
        if not first.numel():
            raise ValueError(f"{name}: got shape {tuple(first.shape)}, expected at least one step of one column")
        time_dim %= first.ndim
        self.name, self.given = name, first
        self.step = first.shape[:time_dim] + first.shape[time_dim + 1 :]
        self.dtype = torch.promote_types(first.dtype, torch.float32)  # of states and rates
        self.moved = time_dim == first.ndim - 1 > 0
        self.shape = first.shape[-1:] + first.shape[:-1] if self.moved else first.shape
        self.time_dim = 0 if self.moved else time_dim
        self.outer = math.prod(self.shape[: self.time_dim])
        self.count = math.prod(self.shape[self.time_dim + 1 :])

    def sequence(self, name: str, tensor: Tensor | None) -> Any:
        if tensor is None:
            return None
        require_tensor(name, tensor, self.given.shape, self.given)
        tensor = tensor.movedim(-1, 0) if self.moved else tensor
        return tensor.contiguous().view(self.outer, self.shape[self.time_dim], self.count)

    def rates(self, named: dict[str, float | Tensor]) -> Tensor:
        """Numbers, or tensors of one for all or for each entry of the last axis of a step, for each column [P, N]."""
        return torch.stack([self.rate(name, value) for name, value in named.items()])

    def rate(self, name: str, value: float | Tensor) -> Tensor:
        if not isinstance(value, Tensor):
            return self.given.new_full((self.count,), value, dtype=self.dtype)
        shape = (self.step[-1:] or (1,)) if value.ndim else ()
        require_tensor(name, value, shape, self.given, self.dtype)
        step = self.step[self.time_dim :]
        return value if value.shape == (self.count,) else value.expand(step).reshape(self.count)

    def states(self, named: dict[str, Any]) -> Tensor:
        """[K, O, N]; zeros for None."""
        if all(tensor is None for tensor in named.values()):
            return self.given.new_zeros(len(named), self.outer, self.count, dtype=self.dtype)
        for name, tensor in named.items():
            require_tensor(name, tensor, self.step, self.given, self.dtype)
        return torch.stack([tensor.reshape(self.outer, self.count) for tensor in named.values()])

    def scan(
        self, model: str, first: Tensor, second: Tensor | None, rates: Tensor, state: Tensor, impl: str, *options
    ) -> tuple[Tensor, Any]:  # fmt: skip
        """The output and the last states, in the shapes of `first` and of a step; `options` as above."""
        impl = resolve(impl, self.name, self.given)
        tensors: Any = first, second, rates, state
        if impl == "reference":
            tensors = tuple(x if x is None else x.double() for x in tensors)
            output, last = reference.scan(model, *tensors, *options)
            output, last = output.to(first.dtype), last.to(self.dtype)
        else:
            output, last, _ = scan(model, *tensors, *options, impl)
        output = output.view(self.shape)
        return output.movedim(0, -1) if self.moved else output, tuple(one.view(self.step) for one in last)


def resolve(impl: str, name: str, tensor: Tensor) -> str:
    """The implementation for such a tensor; raises `ValueError` if it is none, or not for it."""
    one_of("impl", impl, get_args(Implementation))
    if impl == "auto":
        gpu = tensor.is_cuda and importlib.util.find_spec("triton")
        impl = "triton" if gpu else "cpu" if tensor.device.type == "cpu" else "reference"
    if impl == "cpu" and (tensor.device.type != "cpu" or tensor.dtype not in (torch.float32, torch.float64)):
        got = f"{tensor.dtype} on {tensor.device}"
        raise ValueError(f"{name}: got {got}, expected float32 or float64 on the CPU for impl='cpu'")
    return impl


def forward(
    model: str, first: Tensor, second: Tensor | None, rates: Tensor, state: Tensor,
    reset: str, surrogate: str, detach_reset: bool, impl: str,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    return implementation(impl).forward(model, first, second, rates, state, reset, surrogate, detach_reset)


def backward(
    model: str, d_output: Tensor | None, d_last: Tensor | None, first: Tensor, second: Tensor | None, rates: Tensor,
    kept: Tensor, learn: bool, reset: str, surrogate: str, detach_reset: bool, impl: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    d_output = None if d_output is None else d_output.contiguous()
    d_last = torch.zeros_like(kept[:, :, 0]) if d_last is None else d_last.contiguous()
    options = reset, surrogate, detach_reset
    return implementation(impl).backward(model, d_output, d_last, first, second, rates, kept, learn, *options)


def save(ctx, inputs, output):
    ctx.model, first, second, rates, _, *ctx.options = inputs
    ctx.save_for_backward(first, second, rates, output[2])
    ctx.mark_non_differentiable(output[2])
    ctx.set_materialize_grads(False)


def differentiate(backward, ctx, d_output, d_last, _):
    if d_output is None and d_last is None:
        return (None,) * 9
    learn = ctx.needs_input_grad[3]
    found = backward(ctx.model, d_output, d_last, *ctx.saved_tensors, learn, *ctx.options)
    return None, *(d if d.numel() else None for d in found), *(None,) * 4


def fake(model, first, second, rates, state, *options):
    segments = -(-first.shape[1] // implementation(options[-1]).SEGMENT)
    kept = state.new_empty(*state.shape[:2], segments, state.shape[2])
    return torch.empty_like(first), torch.empty_like(state), kept


def fake_backward(model, d_output, d_last, first, second, rates, kept, learn, *options):
    d_second = first.new_empty(0, 0, 0) if second is None else torch.empty_like(second)
    d_rates = rates.new_empty(len(rates) if learn else 0, rates.shape[1])
    return torch.empty_like(first), d_second, d_rates, kept.new_empty(kept[:, :, 0].shape)


scan = Operation(
    "scan", forward, backward, fake=fake, fake_backward=fake_backward, save=save, differentiate=differentiate
)


def implementation(name: str) -> ModuleType:
    return importlib.import_module(f"brainlib.astrosnn.kernels.{name}")
