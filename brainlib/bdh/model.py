"""The Dragon Hatchling (BDH-GPU): a language model whose working memory is Hebbian synapses between neurons.

The model of Appendix E of the paper (arXiv 2509.26507):
- every layer has the same weights: Dx and Dy from `dim` channels to `neurons`, E back;
- activations of neurons are positive; y is sparse;
- attention is linear and strictly causal, its keys and queries are the neurons' activations themselves, its values
  the channels;
- its state, the synapses rho (neurons x dim a layer), is all that is remembered: text can be read in pieces, or byte
  by byte.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, embedding

from brainlib.arguments import whole_number
from brainlib.bdh.kernels import decode, neuron_layer
from brainlib.bdh.norm import norm
from brainlib.bdh.official import from_official, to_official
from brainlib.bdh.rotation import rope_frequencies, rotation
from brainlib.data import require_batch
from brainlib.pretrained import PretrainedMixin
from brainlib.sampling import GenerationMixin

LEAST_FADED = 2.0**-20  # of synapses in the recurrent form: then all are made what they should be
LONGEST_CHUNK = 1024  # beyond it, reading in chunks costs less than the quadratic form


@dataclass(frozen=True)
class BDHConfig:
    """Sizes of a Dragon Hatchling; the defaults are the official 25 M model. `neurons` counts all heads together.

    >>> BDHConfig(layers=2, dim=32, heads=2, neurons=256).parameters
    40960
    """

    layers: int = 6
    dim: int = 256
    heads: int = 4
    neurons: int = 32768
    vocab: int = 256
    dropout: float = 0.1
    decay: tuple[float, ...] | None = None  # how fast each head's synapses fade, in e-folds a token; None: never

    def __post_init__(self):
        for name in ("layers", "dim", "heads", "neurons", "vocab"):
            object.__setattr__(self, name, whole_number(name, getattr(self, name), least=1))
        if self.neurons % (2 * self.heads):
            raise ValueError(f"neurons: got {self.neurons}, expected a multiple of 2 * heads = {2 * self.heads}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout: got {self.dropout!r}, expected 0 <= dropout < 1")
        if self.decay is not None and not (
            len(self.decay) == self.heads and all(0 <= rate < math.inf for rate in self.decay)
        ):
            raise ValueError(f"decay: got {self.decay!r}, expected None or {self.heads} numbers >= 0, one a head")

    @property
    def head_neurons(self) -> int:
        return self.neurons // self.heads

    @property
    def parameters(self) -> int:
        """3 n d + 2 vocab d."""
        return 3 * self.neurons * self.dim + 2 * self.vocab * self.dim


class BDHState(NamedTuple):
    """What the model remembers: how many tokens it has read, and the synapses rho of every layer.

    >>> model = BDH(BDHConfig(layers=2, dim=8, heads=2, neurons=16))
    >>> model.initial_state(batch=1).synapses.shape
    torch.Size([2, 1, 2, 8, 8])
    """

    position: Int[Tensor, ""]
    synapses: Float[Tensor, "layers batch heads head_neurons dim"]


class BDH(PretrainedMixin, GenerationMixin, nn.Module):
    """The Dragon Hatchling. Weights carry the names of Appendix E: decoder_x (Dx), decoder_y (Dy), encoder (E).

    >>> model = BDH(BDHConfig(layers=2, dim=8, heads=2, neurons=16, dropout=0.0))
    >>> logits, loss, state = model(torch.tensor([[84, 111]]), targets=torch.tensor([[111, 32]]))
    >>> tuple(logits.shape), int(state.position)
    ((1, 2, 256), 2)
    >>> text, state = model.generate(" be, or not", 5, temperature=0.7, state=state, return_state=True)
    >>> int(state.position)
    18
    """

    config_class, state_class, shipped = BDHConfig, BDHState, Path(__file__).parent / "pretrained"
    frequencies: Int[Tensor, "pairs"]

    def __init__(self, config: BDHConfig):
        super().__init__()
        self.config = config
        heads, dim, head_neurons = config.heads, config.dim, config.head_neurons
        self.embedding = nn.Parameter(torch.empty(config.vocab, dim))
        self.decoder_x = nn.Parameter(torch.empty(heads, dim, head_neurons))
        self.decoder_y = nn.Parameter(torch.empty(heads, dim, head_neurons))
        self.encoder = nn.Parameter(torch.empty(heads, head_neurons, dim))
        self.readout = nn.Parameter(torch.empty(dim, config.vocab))
        self.register_buffer("frequencies", rope_frequencies(head_neurons))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws the weights from N(0, 0.02^2) and fills the buffer: a model from the meta device after `to_empty`."""
        for weight in self.parameters():
            nn.init.normal_(weight, std=0.02)
        self.frequencies.copy_(rope_frequencies(self.config.head_neurons))

    def forward(
        self,
        tokens: Integer[Tensor, "batch time"],
        targets: Integer[Tensor, "batch time"] | None = None,
        state: BDHState | None = None,
        *,
        return_state: bool = True,
        chunk_size: int | None = None,
        bptt: bool = True,
    ) -> tuple[Float[Tensor, "batch time vocab"], Float[Tensor, ""] | None, BDHState | None]:
        """Logits for the token after each, the mean loss (nats a token) if there are `targets`, and the state after.

        `state` continues an earlier text; `return_state=False` saves the work of computing the one after.
        `chunk_size` is how many tokens are read at once: the whole text is the quadratic form, 1 the recurrent one,
        anything between the chunked one. They are one function; the default is the fastest. Without `bptt` no gradient
        reaches an earlier token or a synapse: only what a neuron does now learns (section 7.2).

        Raises `ValueError` for tokens or targets that are not integers in 0 .. vocab-1 or not shaped (batch, time),
        and for a state of another configuration or batch.
        """
        require_batch(self.config.vocab, tokens, targets)
        if state is not None:
            self.check_state(state, tokens.shape[0])
        if chunk_size is not None:
            chunk_size = whole_number("chunk_size", chunk_size, least=1)

        size = chunk_size or (tokens.shape[1] if tokens.shape[1] <= LONGEST_CHUNK else LONGEST_CHUNK // 2)
        chunks = tokens.split(size, dim=1)
        parts = []
        for index, chunk in enumerate(chunks):
            logits, state = self.read(chunk, state, return_state or index < len(chunks) - 1, bptt)
            parts.append(logits)
        logits = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
        loss = None if targets is None else cross_entropy(logits.flatten(0, 1), targets.flatten().long())
        return logits, loss, state

    def read(
        self, tokens: Tensor, state: BDHState | None, return_state: bool, bptt: bool = True
    ) -> tuple[Tensor, BDHState | None]:
        config, time = self.config, tokens.shape[1]
        dropout, decay = config.dropout if self.training else 0.0, self.decay
        position = 0 if state is None else int(state.position)
        v = norm(embedding(tokens.long(), self.embedding).to(self.activation_dtype))
        rope = rotation(self.frequencies, position, time, v.dtype)
        synapses: list[Tensor] = []
        for layer in range(config.layers):
            before = None if state is None else state.synapses[layer]
            update, after = neuron_layer(
                v, self.decoder_x, self.decoder_y, self.encoder, rope, before, decay,
                dropout=dropout, return_state=return_state, bptt=bptt,
            )  # fmt: skip
            v = norm(v + norm(update))
            if after is not None:
                synapses.append(after)
        logits = v @ self.readout.to(v.dtype)
        return logits, BDHState(torch.tensor(position + time), torch.stack(synapses)) if return_state else None

    def initial_state(self, batch: int) -> BDHState:
        """Before the first token: position 0 and no synapses."""
        zeros = self.decoder_x.new_zeros(self.state_shape(batch), dtype=self.activation_dtype)
        return BDHState(torch.tensor(0), zeros)

    def state_shape(self, batch: int) -> tuple[int, ...]:
        c = self.config
        return c.layers, batch, c.heads, c.head_neurons, c.dim

    def check_state(self, state: BDHState, batch: int) -> None:
        found, expected = tuple(state.synapses.shape), self.state_shape(batch)
        if found != expected:
            raise ValueError(f"state: got synapses of shape {found}, expected this model's and batch's, {expected}")
        if state.synapses.dtype != self.activation_dtype:
            raise ValueError(f"state: got synapses of {state.synapses.dtype}, expected {self.activation_dtype}")

    @property
    def activation_dtype(self) -> torch.dtype:
        """Of the channel and the synapses: that of the weights, but single precision where these are halved."""
        return torch.promote_types(self.decoder_x.dtype, torch.float32)

    @property
    def decay(self) -> Float[Tensor, "heads"] | None:
        """How fast each head's synapses fade: as it was given, whatever the weights were cast to."""
        rates = self.config.decay
        return None if rates is None else self.embedding.new_tensor(rates, dtype=self.activation_dtype)

    def stepper(self, state: BDHState) -> "BDHStepper":
        """A function that reads one more token and gives the logits after it, at the same cost for every token.

        The synapses of `state` are changed in place; `state` itself is used up. No gradients, no dropout.
        """
        return BDHStepper(self, state)

    @classmethod
    def from_official(cls, weights: dict[str, Tensor], layers: int = 6, dropout: float = 0.0) -> "BDH":
        """The model with the weights of Pathway's `bdh.py`: its `state_dict()`, which does not tell the layers."""
        sizes, ours = from_official(weights)
        model = cls(BDHConfig(layers=layers, dropout=dropout, **sizes)).to(ours["decoder_x"].dtype)
        model.load_state_dict(ours)
        return model

    def to_official(self) -> dict[str, Tensor]:
        """The weights under the names and shapes of Pathway's `bdh.py`. Raises `ValueError` if synapses fade."""
        if self.decay is not None:
            raise ValueError(f"decay: got {self.config.decay}, expected None: the official model forgets nothing")
        return to_official(self.state_dict())


class BDHStepper:
    """Reads token by token on the synapses, of which only the rows of active neurons are touched."""

    def __init__(self, model: BDH, state: BDHState) -> None:
        dtype = model.activation_dtype
        self.model, self.synapses, self.position = model, state.synapses, int(state.position)
        self.decoder_x, self.decoder_y = (
            weight.detach().to(dtype).mT.contiguous() for weight in (model.decoder_x, model.decoder_y)
        )
        self.encoder, self.decay = model.encoder.detach().to(dtype), model.decay
        self.faded = self.encoder.new_ones(model.config.heads)  # of the synapses, since none is touched to let it decay

    @torch.no_grad()
    def __call__(self, token: Int[Tensor, "batch"]) -> Float[Tensor, "batch vocab"]:
        v = norm(embedding(token, self.model.embedding).to(self.encoder.dtype))
        rope = rotation(self.model.frequencies, self.position, 1, v.dtype)
        v = decode(v, self.decoder_x, self.decoder_y, self.encoder, rope, self.synapses, self.faded)
        self.position += 1
        if self.decay is not None:
            self.faded = self.faded * (-self.decay).exp()
            if self.faded.min() < LEAST_FADED:
                self.settle()
        return v @ self.model.readout.to(v.dtype)

    def settle(self) -> None:
        """Makes the synapses what they should be."""
        self.synapses.mul_(self.faded[:, None, None])
        self.faded = torch.ones_like(self.faded)

    @property
    def state(self) -> BDHState:
        """After all tokens so far."""
        self.settle()
        return BDHState(torch.tensor(self.position), self.synapses)
