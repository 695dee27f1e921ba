"""One layer of `AstroSNN`: a mixer over time and a feed-forward over channels, each added to what came in.

    x <- x + mixer(TokenShift(LN x));    x <- x + feedforward(LN x)

The frame is a reconstruction: the paper's text could not be had.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu

from brainlib.astrosnn.kernels.lif import lif_scan
from brainlib.astrosnn.mixers import FORMED, MIXERS

FIRING_THRESHOLD = 0.5  # of the spiking feed-forward's neurons


class BlockState(NamedTuple):
    """What a block remembers: the last token's normed input, for the token shift (if there is one), and its mixer's."""

    previous: Any  # Float[Tensor, "batch dim"] or None
    mixer: Any


class TokenShift(nn.Module):
    """Every token mixed with the one before it: mu x_t + (1 - mu) x_{t-1}, mu learnable per channel (as in RWKV).

    mu begins spread evenly from 0, which is the token before, to 1: then a key can be one token and its value the
    next. Before the first token x is 0.
    """

    def __init__(self, dim: int):
        super().__init__()
        self.mix = nn.Parameter(torch.linspace(0, 1, dim))

    def forward(
        self, x: Float[Tensor, "batch time dim"], previous: Float[Tensor, "batch dim"] | None = None
    ) -> Float[Tensor, "batch time dim"]:
        """The mixed tokens; `previous` came before the first."""
        if previous is None:
            previous = torch.zeros_like(x[:, 0])
        before = torch.cat((previous[:, None], x[:, :-1]), 1)
        return torch.lerp(before, x, self.mix.to(x.dtype))


class FeedForward(nn.Module):
    """Two matrices, W_1 up to the hidden neurons and W_2 down, and what `kind` has between them.

    spiking  neurons without a membrane: W_2 step(W_1 x - 0.5), with the surrogate gradient of `lif_scan`
    gelu     the transformer's: W_2 gelu(W_1 x)
    """

    def __init__(self, kind: str, dim: int, hidden: int):
        super().__init__()
        self.kind = kind
        self.up, self.down = nn.Linear(dim, hidden, bias=False), nn.Linear(hidden, dim, bias=False)

    def forward(self, x: Float[Tensor, "batch time dim"]) -> Float[Tensor, "batch time dim"]:
        hidden = self.up(x)
        return self.down(gelu(hidden) if self.kind == "gelu" else fired(hidden.to(self.up.weight.dtype)))


def fired(current: Float[Tensor, "batch time hidden"]) -> Float[Tensor, "batch time hidden"]:
    """1 where a neuron without a membrane fires, else 0."""
    if not torch.is_grad_enabled():
        return (current >= FIRING_THRESHOLD).to(current.dtype)
    return lif_scan(current, beta=0.0, threshold=FIRING_THRESHOLD, reset="none")[0]


FEEDFORWARDS = ("spiking", "gelu")


class Block(nn.Module):
    """One layer of `AstroSNN`, of an `AstroSNNConfig`."""

    def __init__(self, config):
        super().__init__()
        self.mixer_norm = nn.LayerNorm(config.dim)
        self.shift = TokenShift(config.dim) if config.token_shift else None
        self.mixer = MIXERS[config.mixer](config)
        self.feedforward_norm = nn.LayerNorm(config.dim)
        self.feedforward = FeedForward(config.feedforward, config.dim, config.hidden_size)
        self.has_forms = config.mixer in FORMED

    def forward(
        self, x: Float[Tensor, "batch time dim"], state: BlockState | None, form: str
    ) -> tuple[Float[Tensor, "batch time dim"], BlockState]:
        """All tokens, and the state after the last; by the form "step" a token alone."""
        previous, before = (None, None) if state is None else state
        normed = self.mixer_norm(x)
        shifted = normed if self.shift is None else self.shift(normed, previous)
        if form == "step":
            y, after = self.mixer.step(shifted[:, 0], before)
            x = x + y[:, None]
        else:
            y, after = self.mixer(shifted, before, **({"form": form, "return_state": True} if self.has_forms else {}))
            x = x + y
        x = x + self.feedforward(self.feedforward_norm(x))
        return x, BlockState(None if self.shift is None else normed[:, -1], after)
