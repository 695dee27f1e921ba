"""Leaky integrate-and-fire neurons through all time steps as one operation, forward and backward: plain ones, and those
with a slow variable that their own past spikes drive, scalar calcium or an adaptive threshold."""

from typing import Any, Literal, get_args

from jaxtyping import Float
from torch import Tensor

from brainlib.astrosnn.checks import one_of, require_positive
from brainlib.astrosnn.kernels.scan import Columns, Implementation
from brainlib.astrosnn.kernels.surrogates import SURROGATES, Surrogate, surrogate_gradient

__all__ = ["SURROGATES", "Reset", "Surrogate", "lif_scan", "slow_scan", "surrogate_gradient"]

Reset = Literal["hard", "soft", "none"]


def lif_scan(
    current: Float[Tensor, "*shape"],
    astro: Float[Tensor, "*shape"] | None = None,
    *,
    beta: float | Float[Tensor, ""] | Float[Tensor, "channels"] = 0.5,
    threshold: float | Float[Tensor, ""] | Float[Tensor, "channels"] = 1.0,
    reset: Reset = "hard",
    surrogate: Surrogate = "atan",
    detach_reset: bool = True,
    state: Float[Tensor, "..."] | None = None,
    time_dim: int = 1,
    impl: Implementation = "auto",
) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "..."]]:
    """Spikes of leaky integrate-and-fire neurons in all time steps, and their membranes after the last.

    With I = `current` and o = `astro` in [batch, time, ...], and m_0 = `state` (0 by default) in the shape of one step:

        u_t = beta m_{t-1} + I_t        s_t = 1 if u_t + o_t - threshold >= 0 else 0
        m_t = u_t (1 - s_t) for the "hard" reset, u_t - threshold s_t "soft", u_t "none"

    s = g(u + o) is the paper's overview figure; that g is a step at a threshold, the leak and the reset are
    reconstruction. `astro` acts on the spike alone; what shall charge the membrane is added to `current`.
    `beta` and `threshold` are one number, or one for each entry of the last axis. `time_dim` is the axis of time:
    [batch, time, dim] and, with 0, (time, ...) are taken as they lie. Beside half precision (on a GPU) `beta`,
    `threshold` and `state` are float32.

    Gradients reach `current`, `astro`, `beta`, `threshold` and `state`, once, through `surrogate_gradient`; none passes
    through the s_t of the reset unless `detach_reset` is off. Membranes are not stored: the way back computes them
    again.

    `impl` "cpu" is compiled by numba, "triton" needs a GPU, "reference" is the equations in float64; "auto" takes what
    is fast on the device of `current`. Raises `ValueError` for another name, a beta outside [0, 1] or a threshold that
    is not positive (of numbers), no step at all, shapes that do not fit, and dtypes or devices that differ or that the
    implementation does not know.

        >>> import torch
        >>> current = torch.tensor([[0.6, 0.6, 0.6, 0.0]])  # one sequence of a neuron's 4 steps
        >>> spikes, membrane = lif_scan(current)
        >>> spikes.tolist(), membrane.tolist()
        ([[0.0, 0.0, 1.0, 0.0]], [0.0])
    """
    columns = Columns("current", current, time_dim)
    rates, state = columns.rates(constants(beta, threshold)), columns.states({"state": state})
    first, second = columns.sequence("current", current), columns.sequence("astro", astro)
    options = neuron_options(reset, surrogate, detach_reset)
    spikes, (last,) = columns.scan("lif", first, second, rates, state, impl, *options)
    return spikes, last


def slow_scan(
    current: Float[Tensor, "*shape"],
    weight: Float[Tensor, "channels"],
    decay: Float[Tensor, "channels"],
    *,
    beta: float | Float[Tensor, ""] | Float[Tensor, "channels"] = 0.5,
    threshold: float | Float[Tensor, ""] | Float[Tensor, "channels"] = 1.0,
    state: tuple[Float[Tensor, "..."], Float[Tensor, "..."]] | None = None,
    impl: Implementation = "auto",
    **options: Any,
) -> tuple[Float[Tensor, "*shape"], tuple[Float[Tensor, "..."], Float[Tensor, "..."]]]:
    """The spikes of `lif_scan`'s neurons with one slow variable each in place of an astrocyte,

        o_t = w c_t        c_{t+1} = lambda c_t + (1 - lambda) s_t,

    and the state (m_T, c_{T+1}) after them (reconstruction). `weight` is w: above 0 calcium, below 0 an adaptive
    threshold; `decay` is lambda in [0, 1), for which the caller answers. `state` is what an earlier call gave (None:
    zeros). Gradients reach the current, weight, decay, beta, threshold and state, and pass through the slow variable's
    spikes. All else is as in `lif_scan`, whose reset, surrogate and detach_reset are the `options`.
    """
    columns = Columns("current", current)
    rates = columns.rates(constants(beta, threshold) | {"weight": weight, "decay": decay})
    membrane, slow = (None, None) if state is None else state
    states = columns.states({"state[0]": membrane, "state[1]": slow})
    first = columns.sequence("current", current)
    return columns.scan("slow", first, None, rates, states, impl, *neuron_options(**options))


def constants(beta: float | Tensor, threshold: float | Tensor) -> dict[str, float | Tensor]:
    """The two by name; raises `ValueError` for numbers that no neuron has."""
    if not isinstance(beta, Tensor) and not 0 <= beta <= 1:
        raise ValueError(f"beta: got {beta}, expected a number from 0 to 1")
    if not isinstance(threshold, Tensor):
        require_positive("threshold", threshold)
    return {"beta": beta, "threshold": threshold}


def neuron_options(reset: str = "hard", surrogate: str = "atan", detach_reset: bool = True) -> tuple[str, str, bool]:
    """The three, checked."""
    one_of("reset", reset, get_args(Reset))
    one_of("surrogate", surrogate, SURROGATES)
    return reset, surrogate, detach_reset
