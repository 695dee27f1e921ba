"""RWKV's time mix as a running average, forward and backward.

RWKV-4 (arXiv 2305.13048, equation 16) averages the values of the past with weights that fall by e^-w a token, and the
present one with weight e^u more than it will have later, channel by channel:

    y_t = (sum_{i<t} e^(k_i - (t-1-i) w) v_i + e^(u + k_t) v_t) / (sum_{i<t} e^(k_i - (t-1-i) w) + e^(u + k_t))

Both sums may overflow. Kept are their ratio m, which is an average of values, and the log of the lower, l:

    y_t = m + sigma(u + k_t - l) (v_t - m)
    r_t = sigma(k_t - (l - w));     m <- m + r_t (v_t - m);     l <- log(e^(l - w) + e^(k_t))

and nothing can overflow, whatever k is. Before the first token m = 0 and l = -1e30.
"""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from brainlib.astrosnn.kernels.scan import Columns, Implementation

NOTHING = -1e30  # the log of a weight of 0


class WKVState(NamedTuple):
    """The average of the past values, and the log of the sum of their weights."""

    mean: Float[Tensor, "..."]
    log_weight: Float[Tensor, "..."]


def wkv(
    key: Float[Tensor, "*shape"],
    value: Float[Tensor, "*shape"],
    decay: Float[Tensor, "channels"],
    bonus: Float[Tensor, "channels"],
    state: WKVState | None = None,
    *,
    impl: Implementation = "auto",
) -> tuple[Float[Tensor, "*shape"], WKVState]:
    """y_1 to y_T and the state after them; `decay` is w, in e-folds a token and at least 0, `bonus` u.

    Keys and values are [batch, time, ...]. Gradients reach everything. `impl` as in
    `lif_scan`; beside half precision decay, bonus and state are float32. Raises `ValueError` for shapes, dtypes or
    devices that do not fit, and another `impl`.
    """
    columns = Columns("key", key)
    mean, log_weight = (None, None) if state is None else state
    states = columns.states({"state.mean": mean, "state.log_weight": log_weight})
    if state is None:
        states[1] = NOTHING
    rates = columns.rates({"decay": decay, "bonus": bonus})
    sequences = columns.sequence("key", key), columns.sequence("value", value)
    y, last = columns.scan("wkv", *sequences, rates, states, impl, "none", "atan", True)
    return y, WKVState(*last)
