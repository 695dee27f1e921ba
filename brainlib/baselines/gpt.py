"""A GPT that reads endless text: the small transformer that the book's models are compared with.

The baseline of the Dragon Hatchling's paper (arXiv 2509.26507, appendix B.2, "GPTXL"): GPT-2 as in nanoGPT, with
- ALiBi instead of position embeddings, so that only the distance between tokens matters;
- a state, the keys and values of the last `memory` tokens, first in, first out: text can be read in pieces, or token by
  token, and every token hears itself and the `memory` tokens before it, however the text was cut.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, dropout, embedding, gelu, linear, scaled_dot_product_attention

from brainlib.arguments import whole_number
from brainlib.backend import product_dtype
from brainlib.baselines.alibi import alibi_bias, alibi_slopes
from brainlib.data import require_batch
from brainlib.pretrained import PretrainedMixin
from brainlib.sampling import GenerationMixin


@dataclass(frozen=True)
class GPTConfig:
    """Sizes of a GPT; the defaults are the paper's 25 M model (Table 4), but for its dropout of 0.01.

    `hidden` is 4 * dim unless it is given. `memory` is how many past tokens the state keeps, and how far back a token
    hears. With dropout, attention on a CPU takes several passes and about twice the time.

    >>> GPTConfig(layers=2, dim=32, heads=2).parameters
    32928
    """

    layers: int = 9
    dim: int = 480
    heads: int = 5
    hidden: int | None = None
    vocab: int = 256
    dropout: float = 0.0
    memory: int = 4096

    def __post_init__(self):
        for name in ("dim", "layers", "heads", "hidden", "vocab", "memory"):
            value = 4 * self.dim if name == "hidden" and self.hidden is None else getattr(self, name)
            object.__setattr__(self, name, whole_number(name, value, least=1))
        if self.dim % self.heads:
            raise ValueError(f"dim: got {self.dim}, expected a multiple of heads = {self.heads}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout: got {self.dropout!r}, expected 0 <= dropout < 1")

    @property
    def parameters(self) -> int:
        """layers (4 dim^2 + 2 dim hidden + 2 dim) + dim + vocab dim: the embedding is the readout; no biases."""
        block = 4 * self.dim**2 + 2 * self.dim * (self.hidden or 4 * self.dim) + 2 * self.dim
        return self.layers * block + self.dim + self.vocab * self.dim


class GPTState(NamedTuple):
    """What the model remembers: keys and values of the last tokens in every layer, at most `memory` of them.

    >>> _, _, state = GPT(GPTConfig(layers=2, dim=8, heads=2, memory=3))(torch.zeros(1, 5, dtype=torch.int64))
    >>> state.keys.shape
    torch.Size([2, 1, 2, 3, 4])
    """

    keys: Float[Tensor, "layers batch heads past head_dim"]
    values: Float[Tensor, "layers batch heads past head_dim"]


class Block(nn.Module):
    """One layer: v + attention(LN(v)), then v + MLP(LN(v))."""

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.heads, self.dropout = config.heads, config.dropout
        self.attention_norm = nn.LayerNorm(config.dim, bias=False)
        self.attention = nn.Linear(config.dim, 3 * config.dim, bias=False)
        self.attention_out = nn.Linear(config.dim, config.dim, bias=False)
        self.mlp_norm = nn.LayerNorm(config.dim, bias=False)
        hidden = config.hidden or 4 * config.dim
        self.mlp = nn.Linear(config.dim, hidden, bias=False)
        self.mlp_out = nn.Linear(hidden, config.dim, bias=False)

    def forward(
        self,
        v: Float[Tensor, "batch time dim"],
        bias: Float[Tensor, "heads time past_and_time"],
        past: tuple[Tensor, Tensor] | None,
    ) -> tuple[Float[Tensor, "batch time dim"], Tensor, Tensor]:
        rate = self.dropout if self.training else 0.0
        projected = self.attention(self.attention_norm(v)).unflatten(2, (3, self.heads, -1))
        query, key, value = projected.permute(2, 0, 3, 1, 4)  # batch, heads, time, head_dim
        if past is not None:
            key, value = (torch.cat((old.to(new.dtype), new), 2) for old, new in zip(past, (key, value), strict=True))
        attended = scaled_dot_product_attention(query, key, value, bias.expand(len(v), -1, -1, -1), dropout_p=rate)
        v = v + dropout(self.attention_out(attended.transpose(1, 2).flatten(2)), rate)
        v = v + dropout(self.mlp_out(gelu(self.mlp(self.mlp_norm(v)))), rate)
        return v, key, value


class GPT(PretrainedMixin, GenerationMixin, nn.Module):
    """A GPT with ALiBi and a carried memory of keys and values; it is called as `brainlib.bdh.BDH` is.

    >>> model = GPT(GPTConfig(layers=2, dim=8, heads=2))
    >>> logits, loss, state = model(torch.tensor([[84, 111]]), targets=torch.tensor([[111, 32]]))
    >>> text, state = model.generate(" be", 5, state=state, return_state=True)
    >>> state.keys.shape[3]
    10
    """

    config_class, state_class = GPTConfig, GPTState

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.config = config
        self.embedding = nn.Parameter(torch.empty(config.vocab, config.dim))  # and the readout
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.dim, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws the weights anew, as nanoGPT does."""
        for name, weight in self.named_parameters():
            if weight.ndim == 1:
                nn.init.ones_(weight)
            else:
                # What is added to v, 2 * layers times, begins smaller, so that their sum does not grow with depth.
                added = math.sqrt(2 * self.config.layers) if "_out" in name else 1.0
                nn.init.normal_(weight, std=0.02 / added)

    def forward(
        self,
        tokens: Integer[Tensor, "batch time"],
        targets: Integer[Tensor, "batch time"] | None = None,
        state: GPTState | None = None,
        *,
        return_state: bool = True,
    ) -> tuple[Float[Tensor, "batch time vocab"], Float[Tensor, ""] | None, GPTState | None]:
        """Logits for the token after each, the mean loss (nats a token) if there are `targets`, and the state after.

        `state` continues an earlier text; `return_state=False` saves the work of keeping the one after.

        Raises `ValueError` for tokens or targets that are not integers in 0 .. vocab-1 or not shaped (batch, time),
        and for a state of another configuration or batch.
        """
        require_batch(self.config.vocab, tokens, targets)
        if state is not None:
            self.check_state(state, tokens.shape[0])

        memory = self.config.memory
        past = 0 if state is None else state.keys.shape[3]
        slopes = alibi_slopes(self.config.heads).to(self.embedding)
        bias = alibi_bias(slopes, tokens.shape[1], past, memory).to(product_dtype(self.embedding))
        v = dropout(embedding(tokens.long(), self.embedding), self.config.dropout, self.training)
        after: list[tuple[Tensor, Tensor]] = []
        for layer, block in enumerate(self.blocks):
            before = None if state is None else (state.keys[layer], state.values[layer])
            v, keys, values = block(v, bias, before)
            after.append((keys[:, :, -memory:], values[:, :, -memory:]))
        logits = linear(self.norm(v), self.embedding)
        loss = None if targets is None else cross_entropy(logits.flatten(0, 1), targets.flatten().long())
        return logits, loss, GPTState(*map(torch.stack, zip(*after, strict=True))) if return_state else None

    def check_state(self, state: GPTState, batch: int) -> None:
        c = self.config
        past = min(state.keys.shape[3:4].numel(), c.memory)
        expected = (c.layers, batch, c.heads, past, c.dim // c.heads)
        for name, tensor in zip(("keys", "values"), state, strict=True):
            if tensor.shape != expected:
                found = f"{name} of shape {tuple(tensor.shape)}"
                raise ValueError(f"state: got {found}, expected the shape {expected}, past at most {c.memory}")
