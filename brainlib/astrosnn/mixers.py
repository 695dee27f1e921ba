"""What a block of `AstroSNN` may remember with: mixers, all called alike.

    mixer(x [batch, time, dim], state=None) -> (y [batch, time, dim], state)      all tokens at once
    mixer.step(x [batch, dim], state)       -> (y [batch, dim], state)            one token, for generation
    mixer.state_size(context)               -> numbers kept of a sequence after `context` tokens

The unit is in `brainlib.astrosnn.unit` (amsu, calcium); `Spiking` holds neurons without an astrocyte (lif, plif, alif).
Those of the field stand beside it, to be compared in the same frame: gru, rwkv, spikegpt and attention.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from brainlib.astrosnn.checks import check_input, require_tensor
from brainlib.astrosnn.kernels.lif import lif_scan
from brainlib.astrosnn.kernels.wkv import WKVState, wkv
from brainlib.astrosnn.neurons import ALIF, LIF, PLIF, Neurons, NeuronState
from brainlib.astrosnn.unit import AMSU
from brainlib.baselines.alibi import alibi_bias, alibi_slopes


class Mixer(nn.Module):
    """One that keeps `kept` numbers for each of `dim` channels, whatever the context."""

    kept = 1

    def __init__(self, dim: int):
        super().__init__()
        self.dim = dim

    def step(self, x: Float[Tensor, "batch dim"], state: Any = None) -> tuple[Float[Tensor, "batch dim"], Any]:
        """One token."""
        y, state = self(x[:, None], state)
        return y[:, 0], state

    def state_size(self, context: int) -> int:
        """How many numbers are kept of a sequence after `context` tokens."""
        return self.kept * self.dim


class Spiking(Mixer):
    """Neurons without an astrocyte between two linear maps, as the AM-SU is: y_t = W_o s_t of currents W_x x_t + b."""

    def __init__(self, neurons: Neurons):
        super().__init__(neurons.channels)
        self.input = nn.Linear(self.dim, self.dim)
        self.output = nn.Linear(self.dim, self.dim, bias=False)
        self.neurons, self.kept = neurons, 1 + neurons.adapts

    def forward(
        self, x: Float[Tensor, "batch time dim"], state: NeuronState | None = None
    ) -> tuple[Float[Tensor, "batch time dim"], NeuronState]:
        """y_1 to y_T and the state after them. Raises `ValueError` for an input or a state that does not fit."""
        check_input(x, self.dim, self.input.weight)
        spikes, state = self.neurons(self.input(x).to(self.input.weight.dtype), state, return_state=True)
        return self.output(spikes), state


class GRU(Mixer):
    """A GRU of `dim` units (Cho et al. 2014); its hidden state is its output.

    r, z = sigma(W x_t + U h_{t-1} + b)    n = tanh(W_n x_t + b_n + r (U_n h_{t-1} + c))
    h_t = (1 - z) n + z h_{t-1}
    """

    def __init__(self, dim: int):
        super().__init__(dim)
        self.gru = nn.GRU(dim, dim, batch_first=True)

    def forward(
        self, x: Float[Tensor, "batch time dim"], state: Float[Tensor, "batch dim"] | None = None
    ) -> tuple[Float[Tensor, "batch time dim"], Float[Tensor, "batch dim"]]:
        """h_1 to h_T, and h_T to go on from. Raises `ValueError` for a state that does not fit."""
        if state is not None:
            require_tensor("state", state, (len(x), self.dim), x)
            state = state[None]
        y, last = self.gru(x, state)
        return y.to(x.dtype), last[0].to(x.dtype)


class RWKV(Mixer):
    """An average of past values with weights that keys set and time lets fall (arXiv 2305.13048, section 3.1),

        y_t = W_o (sigma(W_r x_t) * wkv_t)

    with wkv_t of `kernels.wkv`. Each channel has its own decay w > 0, at the start from e^-5 to e^3 e-folds a token,
    and its own bonus u of the present token. The token shift is the frame's: one mix for key, value and receptance.
    """

    kept = 2

    def __init__(self, dim: int):
        super().__init__(dim)
        self.key, self.value, self.receptance, self.output = (nn.Linear(dim, dim, bias=False) for _ in range(4))
        place = torch.linspace(0, 1, dim)
        self.log_decay_rate = nn.Parameter(-5 + 8 * place)  # log w
        self.bonus = nn.Parameter(torch.full((dim,), 0.3).log())  # u

    def forward(
        self, x: Float[Tensor, "batch time dim"], state: WKVState | None = None
    ) -> tuple[Float[Tensor, "batch time dim"], WKVState]:
        """All tokens, and the state after them. Raises `ValueError` for a state that does not fit."""
        key, value = (part(x).to(self.bonus.dtype) for part in (self.key, self.value))
        y, state = wkv(key, value, self.log_decay_rate.exp(), self.bonus, state)
        return self.output(self.receptance(x).sigmoid() * y), state


class SpikeGPTState(NamedTuple):
    """RWKV's average, and the membranes after the last token."""

    average: WKVState
    membrane: Float[Tensor, "batch dim"]


class SpikeGPT(Mixer):
    """RWKV's y_t as the current of leaky neurons, whose spikes go to the residual stream (arXiv 2302.13939, and its
    code): a token is a time step, tau 2, threshold 1, the input divided by tau, gradients through the reset.

    Its own embedding is binary and a second layer of neurons follows its feed-forward; here the frame is the same for
    all.
    """

    kept = 3

    def __init__(self, dim: int):
        super().__init__(dim)
        self.average = RWKV(dim)

    def forward(
        self, x: Float[Tensor, "batch time dim"], state: SpikeGPTState | None = None
    ) -> tuple[Float[Tensor, "batch time dim"], SpikeGPTState]:
        """Spikes, and the state after the last token. Raises `ValueError` for a state that does not fit."""
        average, membrane = (None, None) if state is None else state
        current, average = self.average(x, average)
        spikes, membrane = lif_scan(current.to(x.dtype) / 2, beta=0.5, detach_reset=False, state=membrane)
        return spikes, SpikeGPTState(average, membrane)


class AttentionState(NamedTuple):
    """Keys and values of all tokens so far, the first `length` rows; the rows behind them are spare."""

    keys: Float[Tensor, "batch heads capacity head_dim"]
    values: Float[Tensor, "batch heads capacity head_dim"]
    length: int


class Attention(Mixer):
    """Causal softmax attention over all earlier tokens with linear biases (ALiBi), and a cache of keys and values.

    o_t = sum_{i <= t} softmax_i(q_t k_i / sqrt(d) - slope (t - i)) v_i        y_t = W_o o_t
    """

    def __init__(self, dim: int, heads: int):
        super().__init__(dim)
        self.heads = heads
        self.attention = nn.Linear(dim, 3 * dim, bias=False)
        self.output = nn.Linear(dim, dim, bias=False)

    def forward(
        self, x: Float[Tensor, "batch time dim"], state: AttentionState | None = None
    ) -> tuple[Float[Tensor, "batch time dim"], AttentionState]:
        """All tokens, and the cache after them. Raises `ValueError` for a state that does not fit."""
        query, key, value = self.project(x)
        if state is not None:
            past = self.check_state(state, len(x), key)
            key = torch.cat((state.keys[:, :, :past], key), 2)
            value = torch.cat((state.values[:, :, :past], value), 2)
        return self.attention_output(query, key, value), AttentionState(key, value, key.shape[2])

    def step(
        self, x: Float[Tensor, "batch dim"], state: Any = None
    ) -> tuple[Float[Tensor, "batch dim"], AttentionState]:
        """One token. Without gradients it is written into spare rows of `state`, which double when they are used up: so
        every token but those few reads the cache and copies nothing, and a state is to be continued once at a time.
        """
        if torch.is_grad_enabled():
            return super().step(x, state)
        query, key, value = self.project(x[:, None])
        length = self.check_state(state, len(x), key)
        keys, values = state.keys, state.values
        if length == keys.shape[2]:
            keys, values = (torch.cat((old, torch.zeros_like(old)), 2) for old in (keys, values))
        keys[:, :, length], values[:, :, length] = key[:, :, 0], value[:, :, 0]
        y = self.attention_output(query, keys[:, :, : length + 1], values[:, :, : length + 1])
        return y[:, 0], AttentionState(keys, values, length + 1)

    def project(self, x: Tensor) -> tuple[Tensor, ...]:
        """Query, key and value, [batch, heads, time, head_dim] each."""
        return self.attention(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind()

    def attention_output(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        time, memory = query.shape[2], key.shape[2]
        bias = alibi_bias(alibi_slopes(self.heads).to(query), time, memory - time, memory)
        y = scaled_dot_product_attention(query, key, value, bias.expand(len(query), -1, -1, -1))
        return self.output(y.transpose(1, 2).flatten(2))

    def check_state(self, state: AttentionState, batch: int, like: Tensor) -> int:
        capacity = state.keys.shape[2] if state.keys.ndim == 4 else state.length
        for name, tensor in (("state.keys", state.keys), ("state.values", state.values)):
            require_tensor(name, tensor, (batch, self.heads, capacity, self.dim // self.heads), like)
        if not 0 < state.length <= capacity:
            raise ValueError(f"state: got length {state.length}, expected 1 to {capacity}")
        return state.length

    def state_size(self, context: int) -> int:
        """2 dim numbers for every token."""
        return 2 * self.dim * context


FORMED = ("amsu", "calcium")  # spiking units with switches, and with several forms of one function
MIXERS: dict[str, Callable[[Any], nn.Module]] = {  # of an `AstroSNNConfig`
    **dict.fromkeys(FORMED, lambda config: AMSU(config.unit_config)),
    "lif": lambda config: Spiking(LIF(config.dim)),
    "plif": lambda config: Spiking(PLIF(config.dim)),
    "alif": lambda config: Spiking(ALIF(config.dim, strength=1.8)),
    "gru": lambda config: GRU(config.dim),
    "rwkv": lambda config: RWKV(config.dim),
    "spikegpt": lambda config: SpikeGPT(config.dim),
    "attention": lambda config: Attention(config.dim, config.heads),
}
