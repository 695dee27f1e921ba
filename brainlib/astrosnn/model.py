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

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from brainlib.astrosnn.blocks import Block, BlockState
from brainlib.astrosnn.config import AstroSNNConfig, read_config
from brainlib.astrosnn.synapses import require_state
from brainlib.sampling import check_sampling, sample

IGNORED = -100  # a target that is not counted


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

    @torch.no_grad()
    def generate(
        self,
        prompt: str | Integer[Tensor, "batch time"],
        max_new_tokens: int,
        temperature: float = 1.0,
        top_k: int | None = None,
        generator: torch.Generator | None = None,
        *,
        stop: str | Sequence[int] = (),
        state: AstroSNNState | None = None,
        return_state: bool = False,
    ) -> str | Int[Tensor, "batch longer"] | tuple[str | Int[Tensor, "batch longer"], AstroSNNState]:
        """The prompt and `max_new_tokens` more, as text if the prompt is text; with `return_state` the state as well.

        Tokens are drawn by softmax(logits / temperature) from the `top_k` likeliest; temperature 0 takes the likeliest.
        `stop`, a text or tokens, ends a single row early. `state` continues an earlier text. The prompt is read once,
        all at once; then a token is one `step`. Raises `ValueError` for unfit arguments, for text where tokens are not
        bytes, and if the model reads vectors or answers with something other than tokens.
        """
        text = isinstance(prompt, str)
        tokens = self.encoded("prompt", prompt) if text else prompt
        parts, options = [tokens.long()], {"stop": stop, "state": state, "generator": generator}
        if return_state and not max_new_tokens:
            state = self(tokens, state=state)[2]
        for token, after in self.stream(tokens, max_new_tokens, temperature, top_k, **options):
            parts.append(token[:, None])
            state = after
        whole = torch.cat(parts, 1)
        found = bytes(whole[0].tolist()).decode(errors="replace") if text else whole
        return (found, state) if return_state else found

    @torch.no_grad()
    def stream(
        self,
        prompt: str | Integer[Tensor, "batch time"],
        max_new_tokens: int,
        temperature: float = 1.0,
        top_k: int | None = None,
        *,
        stop: str | Sequence[int] = (),
        state: AstroSNNState | None = None,
        generator: torch.Generator | None = None,
    ) -> Iterator[tuple[Int[Tensor, "batch"], AstroSNNState]]:
        """As `generate`, token by token: each with the state after it."""
        config = self.config
        if config.inputs or config.classes != config.vocab:
            raise ValueError(f"model: reads {config.inputs or 'tokens'}, expected one whose outputs are its tokens")
        check_sampling(max_new_tokens, temperature, top_k, config.vocab)
        tokens = self.encoded("prompt", prompt) if isinstance(prompt, str) else prompt
        end = self.encoded("stop", stop)[0].tolist() if isinstance(stop, str) else [*stop]
        if end and len(tokens) > 1:
            raise ValueError(f"stop: got one for {len(tokens)} rows, expected a single row")
        logits, _, state = self(tokens, state=state)
        logits, drawn = logits[:, -1], []
        for _ in range(max_new_tokens):
            token = sample(logits, temperature, top_k, generator)
            logits, state = self.step(token, state)
            yield token, state
            if end:
                drawn = [*drawn, int(token)][-len(end) :]
                if drawn == end:
                    return

    def encoded(self, name: str, text: str) -> Integer[Tensor, "1 bytes"]:
        """A text as one row of bytes; raises `ValueError` for an empty prompt and where tokens are not bytes."""
        if self.config.vocab != 256 or self.config.inputs:
            raise ValueError(f"{name}: got text, expected tokens, since those of the model are not bytes (vocab = 256)")
        return torch.tensor([list(text.encode())], dtype=torch.int64, device=self.readout.weight.device)

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes config.json and model.safetensors into a folder, for `from_pretrained`."""
        from safetensors.torch import save_file

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(asdict(self.config), indent=1) + "\n", encoding="utf-8")
        weights = {name: weight.contiguous() for name, weight in self.state_dict().items()}
        save_file(weights, folder / "model.safetensors")

    @classmethod
    def from_pretrained(cls, folder: str | Path, device: str | torch.device = "cpu") -> "AstroSNN":
        """The model that `save_pretrained` wrote, in evaluation mode and the dtype of its weights.

        Raises `ValueError` with the file, and the key, where a file is missing or broken, where config.json has other
        keys or values than an `AstroSNNConfig`, and where the weights are not those of that model.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        config, path = read_config(Path(folder) / "config.json"), Path(folder) / "model.safetensors"
        try:
            weights = load_file(path, device=str(device))
        except (OSError, SafetensorError) as error:
            raise ValueError(f"{path}: {error}") from None
        with torch.device("meta"):
            model = cls(config)
        expected = {name: tuple(weight.shape) for name, weight in model.state_dict().items()}
        found = {name: tuple(weight.shape) for name, weight in weights.items()}
        for name in expected | found:
            if expected.get(name) != found.get(name):
                raise ValueError(f"{path}: {name}: got {found.get(name)}, expected {expected.get(name)}")
        model.load_state_dict(weights, assign=True)
        return model.requires_grad_().eval()

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
    """Raises `ValueError` unless `values` are whole numbers from 0 to end - 1, or the one that is `ignored`.

    Their range is not looked at on a GPU, which would have to be waited for (there torch ends the process instead), nor
    in a compiled model.
    """
    if values.dtype not in (torch.uint8, torch.int32, torch.int64):
        raise ValueError(f"{name}: got dtype {values.dtype}, expected uint8, int32 or int64")
    if values.device.type != "cpu" or torch.compiler.is_compiling():
        return
    counted = values.long()  # a uint8 would take the bounds modulo 256
    if ignored is not None:
        counted = counted[counted != ignored]
    if not counted.numel():
        return
    low, high = (int(bound) for bound in counted.aminmax())
    if low < 0 or high >= end:
        also = "" if ignored is None else f", or {ignored}"
        raise ValueError(f"{name}: got values from {low} to {high}, expected 0 to {end - 1}{also}")
