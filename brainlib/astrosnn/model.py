"""AstroSNN: a language model of spiking neurons with astrocytes, and the same frame around other memories.

A reconstruction of "Astrocyte-Enabled Advancements in Spiking Neural Networks for Large Language Modeling" (arXiv
2312.07625): the paper's text could not be had; its overview figure prints the unit's equations (`unit.py`), all else
here is chosen:
- layers of a mixer over time and a feed-forward over channels, both behind a norm, both added to what came in;
- before the mixer, a token shift;
- the mixer is the astrocyte-modulated spiking unit, or one of those it is compared with: in the same frame, with the
  same number of parameters (`matched`);
- tokens are read all at once for training, and one by one, at constant cost and memory, to generate.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from brainlib.arguments import whole_number
from brainlib.astrosnn.blocks import FEEDFORWARDS, Block, BlockState
from brainlib.astrosnn.mixers import FORMED, MIXERS, parameters_of
from brainlib.astrosnn.synapses import require_state
from brainlib.astrosnn.unit import AMSUConfig
from brainlib.sampling import check_sampling, draw
from brainlib.training.mode import mode

IGNORED = -100  # a target that is not counted


@dataclass(frozen=True)
class AstroSNNConfig:
    """Sizes and parts of an `AstroSNN`.

    It reads tokens 0 .. vocab-1, or, with `inputs` > 0, real vectors of so many numbers. `outputs`, the classes that
    the logits are of, is `vocab` unless it is given; `hidden`, of the feed-forward, 4 * dim. `unit` holds the switches
    of the spiking unit for the mixers amsu and calcium; its dim and heads are this frame's.

    mixer        "amsu", "calcium", "lif", "plif", "alif", "gru", "rwkv", "spikegpt" or "attention"
    feedforward  "spiking" (W step(W x)), "gated" (the squared relu of RWKV and SpikeGPT) or "gelu"

    Raises `ValueError` for unfit sizes and unknown names.
    """

    layers: int = 2
    dim: int = 64
    heads: int = 4
    vocab: int = 256
    inputs: int = 0
    outputs: int | None = None
    mixer: str = "amsu"
    token_shift: bool = True
    feedforward: str = "spiking"
    hidden: int | None = None
    unit: AMSUConfig | None = None

    def __post_init__(self):
        for name in ("layers", "dim", "heads", "vocab", "inputs", "outputs", "hidden"):
            value, least = getattr(self, name), 0 if name == "inputs" else 1
            if value is not None or name not in ("outputs", "hidden"):
                object.__setattr__(self, name, whole_number(name, value, least))
        if self.dim % self.heads:
            raise ValueError(f"dim: got {self.dim}, expected a multiple of heads = {self.heads}")
        for name, names in (("mixer", MIXERS), ("feedforward", tuple(FEEDFORWARDS))):
            if getattr(self, name) not in names:
                raise ValueError(f"{name}: got {getattr(self, name)!r}, expected one of {', '.join(names)}")
        if self.unit is not None and self.mixer not in FORMED:
            raise ValueError(
                f"unit: got switches for the mixer {self.mixer!r}, expected None ({', '.join(FORMED)} take them)"
            )

    @property
    def classes(self) -> int:
        """How many numbers the logits of a token are."""
        return self.vocab if self.outputs is None else self.outputs

    @property
    def hidden_size(self) -> int:
        """How many hidden neurons a feed-forward has."""
        return 4 * self.dim if self.hidden is None else self.hidden

    @property
    def unit_config(self) -> AMSUConfig:
        """The unit of the mixers amsu and calcium, with this frame's dim and heads."""
        sizes = {"dim": self.dim, "heads": self.heads}
        unit = AMSUConfig(**sizes) if self.unit is None else replace(self.unit, **sizes)
        return replace(unit, astrocyte="calcium") if self.mixer == "calcium" else unit

    @property
    def parameters(self) -> int:
        """(vocab + outputs + 2) dim + layers (mixer + 2 dim hidden + 4 dim), and in each layer dim more with a token
        shift and dim^2 with a gated feed-forward; inputs + 1 in place of vocab if vectors are read."""
        dim = self.dim
        block = parameters_of(self) + 2 * dim * self.hidden_size + 4 * dim
        block += dim * self.token_shift + dim**2 * (self.feedforward == "gated")
        return (
            dim * (self.inputs + 1 if self.inputs else self.vocab) + self.layers * block + 2 * dim + dim * self.classes
        )


class AstroSNNState(NamedTuple):
    """What the model remembers: a state for every block."""

    blocks: tuple[BlockState, ...]


class AstroSNN(nn.Module):
    """The model of an `AstroSNNConfig`; it is called as `brainlib.bdh.BDH` and `brainlib.baselines.GPT` are."""

    def __init__(self, config: AstroSNNConfig):
        super().__init__()
        self.config = config
        self.embedding = (
            nn.Linear(config.inputs, config.dim) if config.inputs else nn.Embedding(config.vocab, config.dim)
        )
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.dim)
        self.readout = nn.Linear(config.dim, config.classes, bias=False)

    def forward(
        self,
        tokens: Integer[Tensor, "batch time"] | Float[Tensor, "batch time inputs"],
        targets: Integer[Tensor, "batch time"] | None = None,
        state: AstroSNNState | None = None,
        *,
        carry: bool = True,
        form: str = "auto",
    ) -> tuple[Float[Tensor, "batch time classes"], Float[Tensor, ""] | None, AstroSNNState | None]:
        """Logits after every token (or vector), the mean loss if there are `targets`, and the state after the last.

        The loss is in nats a target; targets of -100 are left out. `state` continues an earlier sequence; with
        `carry=False` the one after is None. `form` is how the astrocytes' memory is computed, see `astrocyte_memory`:
        the forms are one function.

        Raises `ValueError` for tokens outside 0 .. vocab-1, vectors of another size, targets of another shape or
        outside 0 .. outputs-1, and for a state of another configuration, batch, dtype or device.
        """
        self.check_input(tokens, time=True)
        if targets is not None:
            self.check_targets(targets, tuple(tokens.shape[:2]))
        self.check_state(state, len(tokens))
        x = self.embed(tokens)
        after = []
        for block, before in zip(self.blocks, state.blocks if state else [None] * len(self.blocks), strict=True):
            x, block_state = block(x, before, form)
            after.append(block_state)
        logits = self.readout(self.norm(x))
        loss = None
        if targets is not None:
            loss = cross_entropy(logits.flatten(0, 1), targets.flatten().long(), ignore_index=IGNORED)
        return logits, loss, AstroSNNState(tuple(after)) if carry else None

    def step(
        self, token: Integer[Tensor, "batch"] | Float[Tensor, "batch inputs"], state: AstroSNNState | None = None
    ) -> tuple[Float[Tensor, "batch classes"], AstroSNNState]:
        """Reads one token (or vector): the logits after it and the state. Without attention, its cost and the state's
        size do not depend on how many came before. Raises `ValueError` as `forward` does."""
        self.check_input(token, time=False)
        if state is None:
            logits, _, state = self(token[:, None])
            return logits[:, 0], state
        self.check_state(state, len(token))
        x = self.embed(token)
        after = []
        for block, before in zip(self.blocks, state.blocks, strict=True):
            x, block_state = block.step(x, before)
            after.append(block_state)
        return self.readout(self.norm(x)), AstroSNNState(tuple(after))

    def generate(
        self,
        prompt: Integer[Tensor, "batch time"],
        max_new_tokens: int,
        temperature: float = 1.0,
        top_k: int | None = None,
        generator: torch.Generator | None = None,
    ) -> Int[Tensor, "batch longer"]:
        """The prompt and `max_new_tokens` more, drawn by softmax(logits / temperature) from the `top_k` likeliest.

        Temperature 0 takes the likeliest. The prompt is read once, all at once; then a token is one `step`. Raises
        `ValueError` for unfit arguments, and if the model reads vectors or answers with something other than tokens.
        """
        config = self.config
        if config.inputs or config.classes != config.vocab:
            raise ValueError(f"model: reads {config.inputs or 'tokens'}, expected one whose outputs are its tokens")
        check_sampling(max_new_tokens, temperature, top_k, config.vocab)
        with mode(self, training=False), torch.no_grad():
            logits, _, state = self(prompt)

            def read(token: Tensor) -> Tensor:
                nonlocal state
                logits, state = self.step(token, state)
                return logits

            drawn = draw(logits[:, -1], read, max_new_tokens, temperature, top_k, generator)
        return torch.cat((prompt.long(), *(token[:, None] for token in drawn)), dim=1)

    def state_size(self, context: int) -> int:
        """How many numbers are remembered of one sequence after `context` tokens."""
        shift = self.config.dim * self.config.token_shift
        return sum(shift + block.mixer.state_size(context) for block in self.blocks)

    def embed(self, tokens: Tensor) -> Tensor:
        return self.embedding(tokens if self.config.inputs else tokens.long())

    def check_input(self, tokens: Tensor, time: bool) -> None:
        config, axes = self.config, ("batch", "time") if time else ("batch",)
        if config.inputs:
            if tokens.ndim != len(axes) + 1 or tokens.shape[-1] != config.inputs or not tokens.numel():
                expected = f"({', '.join(axes)}, inputs = {config.inputs})"
                raise ValueError(f"vectors: got shape {tuple(tokens.shape)}, expected {expected}, all at least 1")
            if tokens.dtype != self.readout.weight.dtype:
                raise ValueError(f"vectors: got dtype {tokens.dtype}, expected the model's {self.readout.weight.dtype}")
        else:
            require_numbers("tokens", tokens, config.vocab)
            if tokens.ndim != len(axes) or not tokens.numel():
                raise ValueError(f"tokens: got shape {tuple(tokens.shape)}, expected ({', '.join(axes)}), at least 1")

    def check_targets(self, targets: Tensor, shape: tuple[int, int]) -> None:
        require_numbers("targets", targets, self.config.classes, ignored=IGNORED)
        if tuple(targets.shape) != shape:
            raise ValueError(f"targets: got shape {tuple(targets.shape)}, expected (batch, time) = {shape}")

    def check_state(self, state: AstroSNNState | None, batch: int) -> None:
        """The frame's part of a state; the mixers check theirs."""
        if state is None:
            return
        config = self.config
        if len(state.blocks) != config.layers:
            raise ValueError(f"state: got {len(state.blocks)} blocks, expected layers = {config.layers}")
        for block in state.blocks:
            if (block.previous is not None) != config.token_shift:
                kinds = ("without", "with")
                raise ValueError(
                    f"state: got one of a model {kinds[not config.token_shift]} a token shift, "
                    f"expected {kinds[config.token_shift]}"
                )
            if config.token_shift:
                require_state("last token", block.previous, (batch, config.dim), self.readout.weight)


def require_numbers(name: str, values: Tensor, end: int, ignored: int | None = None) -> None:
    """Raises `ValueError` unless `values` are whole numbers from 0 to end - 1, or the one that is `ignored`."""
    if values.dtype not in (torch.uint8, torch.int32, torch.int64):
        raise ValueError(f"{name}: got dtype {values.dtype}, expected uint8, int32 or int64")
    counted = values.long()  # a uint8 would take the bounds modulo 256
    if ignored is not None:
        counted = counted[counted != ignored]
    if not counted.numel():
        return
    low, high = (int(bound) for bound in counted.aminmax())
    if low < 0 or high >= end:
        also = "" if ignored is None else f", or {ignored}"
        raise ValueError(f"{name}: got values from {low} to {high}, expected 0 to {end - 1}{also}")


def matched(config: AstroSNNConfig, mixer: str) -> AstroSNNConfig:
    """The same frame around another mixer, with as many parameters (within 2 %): `dim` is the multiple of `heads` that
    comes nearest with the same ratio of `hidden` to `dim`, and `hidden` then makes up the rest.

    Switches of the unit go along to "amsu" and "calcium". Raises
    `ValueError` for an unknown mixer, and for a frame so small that no size comes near.
    """
    ratio = config.hidden_size / config.dim
    unit = config.unit if mixer in FORMED else None

    def sized(dim: int) -> AstroSNNConfig:
        return replace(config, mixer=mixer, unit=unit, dim=dim, hidden=max(1, round(ratio * dim)))

    dims = range(config.heads, 8 * config.dim, config.heads)
    best = min((sized(dim) for dim in dims), key=lambda other: abs(other.parameters - config.parameters))
    missing = config.parameters - best.parameters
    best = replace(best, hidden=max(1, best.hidden_size + round(missing / (2 * best.dim * best.layers))))
    if abs(best.parameters / config.parameters - 1) > 0.02:
        raise ValueError(f"config: has {config.parameters} parameters, {mixer} comes no nearer than {best.parameters}")
    return best
