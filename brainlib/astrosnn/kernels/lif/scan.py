"""The scan as one differentiable operation, whichever implementation computes it."""

import importlib
import importlib.util
from types import ModuleType
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from brainlib.astrosnn.kernels.lif import reference
from brainlib.astrosnn.kernels.lif.arguments import Reset, as_sequence, as_step, prepare
from brainlib.astrosnn.kernels.lif.surrogates import Surrogate
from brainlib.operation import Operation

Implementation = Literal["auto", "reference", "cpu", "triton"]


def lif_scan(
    current: Float[Tensor, "*shape"],
    astro: Float[Tensor, "*shape"] | None = None,
    *,
    beta: float | Float[Tensor, "channels"] = 0.5,
    threshold: float = 1.0,
    reset: Reset = "hard",
    surrogate: Surrogate = "atan",
    slope: float | None = None,
    detach_reset: bool = True,
    state: Float[Tensor, "..."] | None = None,
    time_dim: int = 0,
    impl: Implementation = "auto",
) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "..."]]:
    """Spikes of leaky integrate-and-fire neurons in all time steps, and their membranes after the last (chapter 1).

    With I = `current` and o = `astro` in (time, ...), and m_0 = `state` (0 by default) in the shape of one step:

        u_t = beta m_{t-1} + I_t        s_t = 1 if u_t + o_t - threshold >= 0 else 0
        m_t = u_t (1 - s_t) for the "hard" reset, u_t - threshold s_t "soft", u_t "none"

    s = g(u + o) is the paper's overview figure; that g is a step at a threshold, the leak and the reset are
    reconstruction. `astro` acts on the spike alone; what shall charge the membrane is added to `current`.
    `beta` is one number, or one for each entry of the last axis. `time_dim` is the axis of time: (time, ...) and
    [batch, time, dim] are taken as they lie. Beside half precision (on a GPU) `beta` and `state` are float32.

    Gradients reach `current`, `astro`, `beta` and `state`, once, through `surrogate_gradient`; none passes through the
    s_t of the reset unless `detach_reset` is off. Membranes are not stored: the way back computes them again.

    `impl` "cpu" is compiled by numba, "triton" needs a GPU, "reference" is the equations in float64; "auto" takes what
    is fast on the device of `current`. Raises `ValueError` for another name, a beta outside [0, 1] (of a number), a
    threshold or slope that is not positive, no step at all, shapes that do not fit, and dtypes or devices that differ
    or that the implementation does not know.
    """
    neurons = prepare(current, astro, beta, threshold, reset, surrogate, slope, detach_reset, state, time_dim)
    impl = resolve(impl, current)
    if impl == "reference":
        tensors = [tensor if tensor is None else tensor.double() for tensor in neurons.tensors]
        spikes, _, last = reference.scan(*tensors, *neurons.options)
        spikes, last = spikes.to(current.dtype), last.to(neurons.tensors[3].dtype)
    else:
        spikes, last, _ = scan(*neurons.tensors, *neurons.options, impl)
    return as_sequence(spikes, neurons), as_step(last, neurons)


def lif_trace(
    current: Float[Tensor, "*shape"],
    astro: Float[Tensor, "*shape"] | None = None,
    *,
    beta: float | Float[Tensor, "channels"] = 0.5,
    threshold: float = 1.0,
    reset: Reset = "hard",
    surrogate: Surrogate = "atan",
    slope: float | None = None,
    detach_reset: bool = True,
    state: Float[Tensor, "..."] | None = None,
    time_dim: int = 0,
) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "*shape"], Float[Tensor, "..."]]:
    """`lif_scan` that also records, for figures: spikes, the membranes u_t before the spike, the last membrane
    (chapter 1). One step after another in torch; raises what `lif_scan` raises.
    """
    neurons = prepare(current, astro, beta, threshold, reset, surrogate, slope, detach_reset, state, time_dim)
    spikes, membranes, last = reference.scan(*neurons.tensors, *neurons.options)
    return as_sequence(spikes.to(current.dtype), neurons), as_sequence(membranes, neurons), as_step(last, neurons)


def resolve(impl: str, current: Tensor) -> str:
    """The name of the implementation for `current`; raises `ValueError` if it is none, or not for such a tensor."""
    if impl not in get_args(Implementation):
        raise ValueError(f"impl: got {impl!r}, expected one of {', '.join(get_args(Implementation))}")
    if impl == "auto":
        gpu = current.is_cuda and importlib.util.find_spec("triton")
        impl = "triton" if gpu else "cpu" if current.device.type == "cpu" else "reference"
    if impl == "cpu" and current.device.type != "cpu":
        raise ValueError(f"current: got a tensor on {current.device}, expected one on cpu for impl='cpu'")
    if impl == "cpu" and current.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"current: got {current.dtype}, expected torch.float32 or torch.float64 for impl='cpu'")
    return impl


def forward(
    current: Tensor,
    astro: Tensor | None,
    beta: Tensor,
    state: Tensor,
    threshold: float,
    reset: str,
    surrogate: str,
    slope: float,
    detach_reset: bool,
    impl: str,
) -> tuple[Tensor, Tensor, Tensor]:
    return implementation(impl).forward(current, astro, beta, state, threshold, reset)


def backward(
    d_spikes: Tensor | None,
    d_last: Tensor | None,
    current: Tensor,
    astro: Tensor | None,
    beta: Tensor,
    kept: Tensor,
    threshold: float,
    reset: str,
    surrogate: str,
    slope: float,
    detach_reset: bool,
    learn_beta: bool,
    impl: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    d_spikes, d_last = (None if d is None else d.contiguous() for d in (d_spikes, d_last))
    return implementation(impl).backward(
        d_spikes, d_last, current, astro, beta, kept, threshold, reset, surrogate, slope, detach_reset, learn_beta
    )


def save(ctx, inputs, output):
    current, astro, beta, _, *options, impl = inputs
    ctx.save_for_backward(current, astro, beta, output[2])
    ctx.mark_non_differentiable(output[2])
    ctx.options = options, impl
    ctx.set_materialize_grads(False)


def differentiate(backward, ctx, d_spikes, d_last, d_kept):
    if d_spikes is None and d_last is None:
        return (None,) * 10
    options, impl = ctx.options
    learn_beta = ctx.needs_input_grad[2]
    found = backward(d_spikes, d_last, *ctx.saved_tensors, *options, learn_beta, impl)
    d_current, d_astro, d_beta, d_state = (d if d.numel() else None for d in found)
    return d_current, d_astro, d_beta, d_state, *(None,) * 6


def fake(current, astro, beta, state, threshold, reset, surrogate, slope, detach_reset, impl):
    outer, T, N = current.shape
    kept = state.new_empty(outer, -(-T // implementation(impl).SEGMENT), N)
    return torch.empty_like(current), torch.empty_like(state), kept


def fake_backward(d_spikes, d_last, current, astro, beta, kept, *options):
    *_, learn_beta, _ = options
    d_astro = current.new_empty(0) if astro is None else torch.empty_like(astro)
    d_beta = torch.empty_like(beta) if learn_beta else beta.new_empty(0)
    return torch.empty_like(current), d_astro, d_beta, beta.new_empty(kept[:, 0].shape)


scan = Operation(
    "lif_scan", forward, backward, fake=fake, fake_backward=fake_backward, save=save, differentiate=differentiate
)


def implementation(name: str) -> ModuleType:
    return importlib.import_module(f"brainlib.astrosnn.kernels.lif.{name}")
