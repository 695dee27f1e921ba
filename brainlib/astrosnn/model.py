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

from typing import Any, ClassVar, NamedTuple, get_args

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from brainlib.astrosnn.blocks import Block, BlockState
from brainlib.astrosnn.checks import one_of, require_tensor
from brainlib.astrosnn.config import AstroSNNConfig
from brainlib.astrosnn.kernels.memory import Form
from brainlib.astrosnn.unit import AMSUConfig
from brainlib.data import require_batch
from brainlib.pretrained import PretrainedMixin
from brainlib.sampling import GenerationMixin, Stepper

IGNORED = -100  # a target that is not counted


class AstroSNNState(NamedTuple):
    """What the model remembers: a state for every block.

    >>> _, _, state = AstroSNN(AstroSNNConfig(layers=2))(torch.zeros(1, 5, dtype=torch.long))
    >>> len(state.blocks)
    2
    """

    blocks: tuple[BlockState, ...]


class AstroSNN(PretrainedMixin, GenerationMixin, nn.Module):
    """The model of an `AstroSNNConfig`; it is called as `brainlib.bdh.BDH` and `brainlib.baselines.GPT` are.

    >>> model = AstroSNN(AstroSNNConfig(layers=1, dim=16))
    >>> text = torch.randint(256, (2, 10))
    >>> logits, loss, state = model(text[:, :-1], text[:, 1:])
    >>> logits.shape, model.generate(text, 3).shape
    (torch.Size([2, 9, 256]), torch.Size([2, 13]))
    """

    config_class, state_class = AstroSNNConfig, AstroSNNState
    nested_configs: ClassVar[dict[str, type]] = {"unit": AMSUConfig}

    def __init__(self, config: AstroSNNConfig):
        super().__init__()
        self.config = config
        dim, inputs = config.dim, config.inputs
        self.embedding = nn.Linear(inputs, dim) if inputs else nn.Embedding(config.vocab, dim)
        self.blocks: Any = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(dim)
        self.readout = nn.Linear(dim, config.classes, bias=False)

    def forward(
        self,
        tokens: Integer[Tensor, "batch time"] | Float[Tensor, "batch time inputs"],
        targets: Integer[Tensor, "batch time"] | None = None,
        state: AstroSNNState | None = None,
        *,
        return_state: bool = True,
        form: Form = "auto",
    ) -> tuple[Float[Tensor, "batch time classes"], Float[Tensor, ""] | None, AstroSNNState | None]:
        """Logits after every token (or vector), the mean loss if there are `targets`, and the state after the last.

        The loss is in nats a target; targets of -100 are left out. `state` continues an earlier sequence; with
        `return_state=False` the one after is None. `form` is how the astrocytes' memory is computed, see
        `astrocyte_memory`: the forms are one function.

        Raises `ValueError` for tokens outside 0 .. vocab-1, vectors of another size, targets of another shape or
        outside 0 .. outputs-1, and for a state of another configuration, batch, dtype or device.
        """
        one_of("form", form, get_args(Form))
        self.check_input(tokens, targets)
        logits, after = self.read(tokens, state, form)
        loss = None
        if targets is not None:
            loss = cross_entropy(logits.flatten(0, 1), targets.flatten().long(), ignore_index=IGNORED)
        return logits, loss, after if return_state else None

    def step(
        self, token: Integer[Tensor, "batch"] | Float[Tensor, "batch inputs"], state: AstroSNNState | None = None
    ) -> tuple[Float[Tensor, "batch classes"], AstroSNNState]:
        """Reads one token (or vector): the logits after it and the state. Without attention, its cost and the state's
        size do not depend on how many came before. Raises `ValueError` as `forward` does."""
        self.check_input(token[:, None])
        logits, state = self.read(token[:, None], state, "auto" if state is None else "step")
        return logits[:, 0], state

    def read(self, tokens: Tensor, state: AstroSNNState | None, form: str) -> tuple[Tensor, AstroSNNState]:
        """Logits after every token, and the state after the last; `form` as above, or "step" for a token alone."""
        self.check_state(state, len(tokens))
        x, after = self.embedding(tokens if self.config.inputs else tokens.long()), []
        for block, before in zip(self.blocks, state.blocks if state else [None] * len(self.blocks), strict=True):
            x, block_state = block(x, before, form)
            after.append(block_state)
        return self.readout(self.norm(x)), AstroSNNState(tuple(after))

    def stepper(self, state: AstroSNNState) -> "Step":
        """A function that reads one more token by `step`; its `state` is that after all of them.

        Raises `ValueError` if the model reads vectors or answers with something other than tokens."""
        config = self.config
        if config.inputs or config.classes != config.vocab:
            raise ValueError(f"model: reads {config.inputs or 'tokens'}, expected one whose outputs are its tokens")
        return Step(self, state)

    def state_size(self, context: int) -> int:
        """How many numbers are remembered of one sequence after `context` tokens."""
        shift = self.config.dim * self.config.token_shift
        return sum(shift + block.mixer.state_size(context) for block in self.blocks)

    def check_input(self, tokens: Tensor, targets: Tensor | None = None) -> None:
        inputs, dtype = self.config.inputs, self.readout.weight.dtype
        if not inputs:
            require_batch(self.config.vocab, tokens)
        elif tokens.dtype != dtype:
            raise ValueError(f"vectors: got dtype {tokens.dtype}, expected the model's {dtype}")
        elif tokens.ndim != 3 or tokens.shape[2] != inputs or not tokens.numel():
            expected = f"(batch, time, inputs = {inputs}), all at least 1"
            raise ValueError(f"vectors: got shape {tuple(tokens.shape)}, expected {expected}")
        if targets is not None:
            places = torch.zeros(tokens.shape[:2], dtype=torch.uint8, device=tokens.device)
            require_batch(self.config.classes, places, targets.masked_fill(targets.long() == IGNORED, 0))

    def check_state(self, state: AstroSNNState | None, batch: int) -> None:
        """The frame's part of a state; the mixers check theirs."""
        if state is None:
            return
        config = self.config
        if len(state.blocks) != config.layers:
            raise ValueError(f"state: got {len(state.blocks)} blocks, expected layers = {config.layers}")
        shape = (batch, config.dim) if config.token_shift else None
        for layer, block in enumerate(state.blocks):
            require_tensor(f"state.blocks[{layer}].previous", block.previous, shape, self.readout.weight)


class Step(Stepper):
    """Reads token by token with `AstroSNN.step`."""

    def __call__(self, token: Integer[Tensor, "batch"]) -> Float[Tensor, "batch classes"]:
        logits, self.state = self.model.step(token, self.state)
        return logits
