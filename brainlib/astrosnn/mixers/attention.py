"""The transformer's mixer: causal attention, whose memory grows with every token."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from brainlib.astrosnn.mixers.state import require_state
from brainlib.baselines.alibi import alibi_bias, alibi_slopes


class AttentionState(NamedTuple):
    """Keys and values of all tokens so far, the first `length` rows; the rows behind them are room for the next."""

    keys: Float[Tensor, "batch heads room head_dim"]
    values: Float[Tensor, "batch heads room head_dim"]
    length: int


class Attention(nn.Module):
    """Causal softmax attention over all earlier tokens with linear biases (ALiBi), and a cache of keys and values.

        o_t = sum_{i <= t} softmax_i(q_t k_i / sqrt(d) - slope (t - i)) v_i        y_t = W_o o_t

    Used in the chapters on memory and on language.
    """

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.dim, self.heads = dim, heads
        self.attention = nn.Linear(dim, 3 * dim, bias=False)
        self.output = nn.Linear(dim, dim, bias=False)

    def forward(
        self, x: Float[Tensor, "batch time dim"], state: AttentionState | None = None
    ) -> tuple[Float[Tensor, "batch time dim"], AttentionState]:
        """All tokens, and the cache after them. Raises `ValueError` for a state that does not fit."""
        query, key, value = self.project(x)
        past = 0
        if state is not None:
            past = self.check_state(state, len(x), key)
            key, value = (
                torch.cat((old[:, :, :past], new), 2) for old, new in ((state.keys, key), (state.values, value))
            )
        return self.attend(query, key, value), AttentionState(key, value, key.shape[2])

    def step(
        self, x: Float[Tensor, "batch dim"], state: AttentionState
    ) -> tuple[Float[Tensor, "batch dim"], AttentionState]:
        """One token. Without gradients it is written into the spare room of `state`, which doubles when it is used up:
        so every token but those few reads the cache and copies nothing, and a state is to be continued once at a time.
        """
        if torch.is_grad_enabled():
            y, state = self(x[:, None], state)
            return y[:, 0], state
        query, key, value = self.project(x[:, None])
        length = self.check_state(state, len(x), key)
        keys, values = state.keys, state.values
        if length == keys.shape[2]:
            keys, values = (torch.cat((old, torch.zeros_like(old)), 2) for old in (keys, values))
        keys[:, :, length], values[:, :, length] = key[:, :, 0], value[:, :, 0]
        y = self.attend(query, keys[:, :, : length + 1], values[:, :, : length + 1])
        return y[:, 0], AttentionState(keys, values, length + 1)

    def project(self, x: Tensor) -> tuple[Tensor, ...]:
        """Query, key and value, [batch, heads, time, head_dim] each."""
        return self.attention(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind()

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        time, memory = query.shape[2], key.shape[2]
        bias = alibi_bias(alibi_slopes(self.heads).to(query), time, memory - time, memory)
        heard = scaled_dot_product_attention(query, key, value, bias.expand(len(query), -1, -1, -1))
        return self.output(heard.transpose(1, 2).flatten(2))

    def check_state(self, state: AttentionState, batch: int, like: Tensor) -> int:
        room = state.keys.shape[2] if state.keys.ndim == 4 else state.length
        for name, tensor in (("key cache", state.keys), ("value cache", state.values)):
            require_state(name, tensor, (batch, self.heads, room, self.dim // self.heads), like)
        if not 0 < state.length <= room:
            raise ValueError(f"state: got length {state.length}, expected 1 to {room}")
        return state.length

    def state_size(self, context: int) -> int:
        """2 dim numbers for every token."""
        return 2 * self.dim * context
