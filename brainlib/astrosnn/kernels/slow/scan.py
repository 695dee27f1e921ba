"""The scan as one differentiable operation."""

import importlib
import importlib.util
import math
from types import ModuleType
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from brainlib.astrosnn.kernels.lif import SURROGATES, Reset
from brainlib.astrosnn.kernels.lif.surrogates import require_number
from brainlib.astrosnn.kernels.slow import reference
from brainlib.operation import Operation

Injection = Literal["threshold", "membrane"]
Implementation = Literal["auto", "reference", "cpu", "triton"]


def slow_scan(
    current: Float[Tensor, "batch time channels"],
    weight: Float[Tensor, "channels"],
    decay: Float[Tensor, "channels"],
    *,
    beta: float = 0.5,
    threshold: float = 1.0,
    reset: Reset = "hard",
    injection: Injection = "threshold",
    surrogate: str = "atan",
    state: tuple[Float[Tensor, "batch channels"], Float[Tensor, "batch channels"]] | None = None,
    impl: Implementation = "auto",
) -> tuple[
    Float[Tensor, "batch time channels"], tuple[Float[Tensor, "batch channels"], Float[Tensor, "batch channels"]]
]:
    """The spikes of neurons with a slow variable of their own, and the state (m_T, c_{T+1}) after them.

    The equations (reconstruction) stand in `kernels/slow/__init__.py`. `weight` is w: above 0 calcium, below 0 an
    adaptive threshold; `decay` is lambda in [0, 1), for which the caller answers. `state` is what an earlier call gave
    (None: zeros). Gradients reach the current, weight, decay and state; `surrogate` as in `kernels.lif`, each with its
    own slope. `impl` "cpu" is compiled by numba, "triton" needs a GPU, "reference" is the equations in torch operations
    and float64; "auto" takes what is fast on the device of `current`. Used in chapters/astrosnn/02_memory.

    Raises `ValueError` for unknown names, no token at all, a beta outside [0, 1], a threshold that is not positive, a
    tensor for either, and tensors whose dtype (float32 or float64), device or shape do not fit.
    """
    if state is None:
        state = (torch.zeros_like(current[:, 0]),) * 2 if current.shape[1] else (current.new_zeros(0, 0),) * 2
    tensors = {"current": current, "weight": weight, "decay": decay, "state[0]": state[0], "state[1]": state[1]}
    check(tensors, beta, threshold, reset, injection, surrogate, impl)
    options = beta, threshold, reset, injection, surrogate
    if impl == "auto":
        gpu = current.is_cuda and importlib.util.find_spec("triton")
        impl = "triton" if gpu else "cpu" if current.device.type == "cpu" else "reference"
    if impl == "reference":
        spikes, *last = reference.slow_scan(*(tensor.double() for tensor in tensors.values()), *options)
        return spikes.to(current.dtype), tuple(tensor.to(current.dtype) for tensor in last)
    spikes, *last, _, _ = scan(*(tensor.contiguous() for tensor in tensors.values()), *options, impl)
    return spikes, tuple(last)


def check(
    tensors: dict[str, Tensor], beta: float, threshold: float, reset: str, injection: str, surrogate: str, impl: str
) -> None:
    known = {
        "reset": (reset, get_args(Reset)),
        "injection": (injection, get_args(Injection)),
        "surrogate": (surrogate, SURROGATES),
        "impl": (impl, get_args(Implementation)),
    }
    for name, (got, names) in known.items():
        if got not in names:
            raise ValueError(f"{name}: got {got!r}, expected one of {', '.join(names)}")
    for name, number in (("beta", beta), ("threshold", threshold)):
        require_number(name, number)
    if not 0 < threshold < math.inf:
        raise ValueError(f"threshold: got {threshold}, expected a positive number")
    if not 0 <= beta <= 1:
        raise ValueError(f"beta: got {beta}, expected a decay from 0 to 1")
    current = tensors["current"]
    if current.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"current: got {current.dtype}, expected torch.float32 or torch.float64")
    if not current.numel():
        raise ValueError(
            f"current: got shape {tuple(current.shape)}, expected at least one sequence, token and channel"
        )
    if impl == "cpu" and current.device.type != "cpu":
        raise ValueError(f"impl: got 'cpu' for tensors on {current.device}, expected 'auto' or 'reference' there")
    B, _, D = current.shape
    shapes = {"current": current.shape, "weight": (D,), "decay": (D,)}
    for name, tensor in tensors.items():
        if tensor.shape != shapes.get(name, (B, D)):
            got, expected = tuple(tensor.shape), tuple(shapes.get(name, (B, D)))
            raise ValueError(f"{name}: got shape {got}, expected {expected} beside current's {tuple(current.shape)}")
        if (tensor.dtype, tensor.device) != (current.dtype, current.device):
            got, expected = f"{tensor.dtype} on {tensor.device}", f"{current.dtype} on {current.device}"
            raise ValueError(f"{name}: got {got}, expected {expected} as the current has it")


def forward(
    current: Tensor,
    weight: Tensor,
    decay: Tensor,
    membrane: Tensor,
    slow: Tensor,
    beta: float,
    threshold: float,
    reset: str,
    injection: str,
    surrogate: str,
    impl: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    outputs = room(current, weight, decay, membrane, slow, beta, threshold, reset, injection, surrogate, impl)
    options = beta, threshold, reset, injection
    implementation(impl).forward(current, weight, decay, membrane, slow, outputs, *options)
    return outputs


def backward(
    d_spikes: Tensor | None,
    d_membrane: Tensor | None,
    d_slow: Tensor | None,
    current: Tensor,
    weight: Tensor,
    decay: Tensor,
    kept_membrane: Tensor,
    kept_slow: Tensor,
    beta: float,
    threshold: float,
    reset: str,
    injection: str,
    surrogate: str,
    impl: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    d_spikes, d_membrane, d_slow = (None if d is None else d.contiguous() for d in (d_spikes, d_membrane, d_slow))
    return implementation(impl).backward(
        d_spikes, d_membrane, d_slow, current, weight, decay, kept_membrane, kept_slow,
        beta, threshold, reset, injection, surrogate,
    )  # fmt: skip


def save(ctx, inputs, output):
    current, weight, decay, _, _, *ctx.options = inputs
    ctx.save_for_backward(current, weight, decay, *output[3:])
    ctx.mark_non_differentiable(*output[3:])
    ctx.set_materialize_grads(False)


def differentiate(backward, ctx, d_spikes, d_membrane, d_slow, *_):
    if d_spikes is None and d_membrane is None and d_slow is None:
        return (None,) * 11
    return *backward(d_spikes, d_membrane, d_slow, *ctx.saved_tensors, *ctx.options), *(None,) * 6


def room(current, weight, decay, membrane, slow, beta, threshold, reset, injection, surrogate, impl):
    """For the outputs of `forward`."""
    B, T, D = current.shape
    kept = current.new_empty(B, -(-T // implementation(impl).STEPS), D)
    return torch.empty_like(current), torch.empty_like(membrane), torch.empty_like(slow), kept, torch.empty_like(kept)


def fake_backward(d_spikes, d_membrane, d_slow, current, weight, decay, kept_membrane, *others):
    d_state = current.new_empty(current.shape[0], current.shape[2])
    return tuple(torch.empty_like(tensor) for tensor in (current, weight, decay, d_state, d_state))


scan = Operation(
    "slow_scan", forward, backward, fake=room, fake_backward=fake_backward, save=save, differentiate=differentiate
)


def implementation(name: str) -> ModuleType:
    return importlib.import_module(f"brainlib.astrosnn.kernels.slow.{'compiled' if name == 'cpu' else name}")
