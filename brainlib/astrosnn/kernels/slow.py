"""A leaky neuron with one slow variable that its own past spikes drive: scalar calcium, or an adaptive threshold.

    o_t = w c_t
    u_t = beta m_{t-1} + I_t        z_t = u_t + o_t - theta       o at the threshold, or
    u_t = beta m_{t-1} + I_t + o_t  z_t = u_t - theta             o into the membrane
    s_t = 1 where z_t >= 0, else 0
    m_t = u_t (1 - [s_t])  hard     u_t - theta [s_t]  soft     u_t  none
    c_{t+1} = lambda c_t + (1 - lambda) s_t

[.] passes no gradient unless `detach_reset` is off; the slow variable does.
"""

from typing import Literal, get_args

from jaxtyping import Float
from torch import Tensor

from brainlib.astrosnn.kernels.lif import Reset, bump, constants
from brainlib.astrosnn.kernels.scan import Columns, Implementation, one_of
from brainlib.astrosnn.kernels.surrogates import Surrogate

Injection = Literal["threshold", "membrane"]


def slow_scan(
    current: Float[Tensor, "*shape"],
    weight: Float[Tensor, "channels"],
    decay: Float[Tensor, "channels"],
    *,
    beta: float | Float[Tensor, ""] | Float[Tensor, "channels"] = 0.5,
    threshold: float | Float[Tensor, ""] | Float[Tensor, "channels"] = 1.0,
    reset: Reset = "hard",
    injection: Injection = "threshold",
    surrogate: Surrogate = "atan",
    slope: float | None = None,
    detach_reset: bool = True,
    state: tuple[Float[Tensor, "..."], Float[Tensor, "..."]] | None = None,
    time_dim: int = 1,
    impl: Implementation = "auto",
) -> tuple[Float[Tensor, "*shape"], tuple[Float[Tensor, "..."], Float[Tensor, "..."]]]:
    """The spikes of neurons with a slow variable of their own, and the state (m_T, c_{T+1}) after them.

    The equations (reconstruction) stand above. `weight` is w: above 0 calcium, below 0 an adaptive threshold; `decay`
    is lambda in [0, 1), for which the caller answers. `state` is what an earlier call gave (None: zeros). Gradients
    reach the current, weight, decay, beta, threshold and state. All else, and what it raises, is as in `lif_scan`, but
    that batches stand before time unless `time_dim` says otherwise.
    """
    one_of("injection", injection, get_args(Injection))
    columns, options = Columns("current", current, time_dim), bump(reset, surrogate, slope)
    rates = columns.rates(constants(beta, threshold) | {"weight": weight, "decay": decay})
    membrane, slow = (None, None) if state is None else state
    states = columns.states({"state[0]": membrane, "state[1]": slow})
    first, options = columns.sequence("current", current), (*options, detach_reset, injection == "membrane")
    spikes, last = columns.scan("slow", first, None, rates, states, impl, *options)
    return spikes, tuple(last)
