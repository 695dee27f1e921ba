"""Batches from a text: crops at random, streams that go on where they stopped, and windows that cover it once.

A batch is `(inputs, targets)`: the targets are the inputs one byte later. Both sources can be stopped and resumed
exactly: `state_dict()` is taken between two batches, and a source of the same text and settings that loads it goes on
with the identical batches.
"""

import hashlib
from collections.abc import Iterator

import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from brainlib.arguments import whole_number

from .tokens import require_bytes

Batch = tuple[Int64[Tensor, "batch time"], Int64[Tensor, "batch time"]]


class RandomCrops:
    """Crops of `length` bytes that begin anywhere in the text, each place being equally likely.

    Used where a model starts every sequence from nothing. The random numbers come from a generator of its own.
    Raises `ValueError` if the text is shorter than `length + 1` bytes or an argument is out of range.
    """

    def __init__(self, tokens: UInt8[Tensor, "bytes"], batch: int = 16, length: int = 128, seed: int = 0):
        batch, length, seed = *_sizes(tokens, batch, length), whole_number("seed", seed)
        _require_bytes(tokens, least=length + 1)
        self._settings = _settings(tokens, batch, length)
        self._tokens = tokens
        self._batch = batch
        self._length = length
        self._generator = torch.Generator().manual_seed(seed)

    def next_batch(self) -> Batch:
        """The next crops."""
        starts = torch.randint(len(self._tokens) - self._length, (self._batch, 1), generator=self._generator)
        return _shift(self._tokens[starts + torch.arange(self._length + 1)])

    def state_dict(self) -> dict[str, Tensor]:
        """The settings and the state of the random generator."""
        return self._settings | {"generator": self._generator.get_state()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from `state`. Raises `ValueError` if it belongs to another text or other settings."""
        _require_same(self._settings, state, also="generator")
        try:
            self._generator.set_state(state["generator"])
        except (RuntimeError, TypeError) as error:
            raise ValueError(f"generator: the state is not one of a random generator ({error})") from error


class CoherentStreams:
    """`batch` streams read side by side: row `r` of a batch goes on where row `r` of the last batch stopped.

    The text is cut into `batch` streams of equal length (up to `batch - 1` bytes at its end are left over), and a
    stream that is read to its end goes on from its beginning. Used where a model carries its state from batch to batch.
    Raises `ValueError` if a stream would be shorter than `length + 1` bytes or an argument is out of range.
    """

    def __init__(self, tokens: UInt8[Tensor, "bytes"], batch: int = 16, length: int = 128):
        batch, length = _sizes(tokens, batch, length)
        _require_bytes(tokens, least=batch * (length + 1))
        self._settings = _settings(tokens, batch, length)
        self._streams = tokens[: len(tokens) // batch * batch].view(batch, -1)  # [batch, bytes of a stream]
        self._length = length
        self._position = 0

    def next_batch(self) -> Batch:
        """The next `length` bytes of every stream."""
        places = (self._position + torch.arange(self._length + 1)) % self._streams.shape[1]
        self._position = (self._position + self._length) % self._streams.shape[1]
        return _shift(self._streams[:, places])

    def state_dict(self) -> dict[str, Tensor]:
        """The settings and the position in the streams."""
        return self._settings | {"position": torch.tensor(self._position)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from `state`. Raises `ValueError` if it belongs to another text or other settings."""
        _require_same(self._settings, state, also="position")
        position = state["position"]
        if position.dtype != torch.int64 or position.dim() or not 0 <= int(position) < self._streams.shape[1]:
            raise ValueError(f"position: got {position}, expected a whole number below {self._streams.shape[1]}")
        self._position = int(position)


def windows(tokens: UInt8[Tensor, "bytes"], length: int, batch: int) -> Iterator[Batch]:
    """Every byte of the text but the first as a target exactly once, in order, for a loss on held-out text.

    The windows are `length` bytes long and do not overlap; `batch` of them make a batch. The last batch of whole
    windows may have fewer rows, and what is left of the text comes last as one shorter window: a mean over the text
    weighs each batch by its number of targets.
    Raises `ValueError` if the text has fewer than two bytes or an argument is out of range.
    """
    batch, length = _sizes(tokens, batch, length)
    _require_bytes(tokens, least=2)
    return _windows(tokens, length, batch)


def _windows(tokens: Tensor, length: int, batch: int) -> Iterator[Batch]:
    whole = (len(tokens) - 1) // length
    for first in range(0, whole, batch):
        starts = torch.arange(first, min(first + batch, whole)) * length
        yield _shift(tokens[starts[:, None] + torch.arange(length + 1)])
    rest = tokens[whole * length :]
    if len(rest) > 1:
        yield _shift(rest[None])


def _shift(crops: UInt8[Tensor, "batch time_and_one"]) -> Batch:
    return crops[:, :-1].long(), crops[:, 1:].long()


def _sizes(tokens: Tensor, batch: int, length: int) -> tuple[int, int]:
    require_bytes("tokens", tokens)
    return whole_number("batch", batch, least=1), whole_number("length", length, least=1)


def _require_bytes(tokens: Tensor, least: int) -> None:
    if len(tokens) < least:
        raise ValueError(f"tokens: got {len(tokens)} bytes, expected at least {least} for batches of this size")


def _settings(tokens: Tensor, batch: int, length: int) -> dict[str, Tensor]:
    """What a state is bound to: the sizes of a batch, and the text, by its number of bytes and its hash."""
    digest = hashlib.sha256(tokens.numpy(force=True)).digest()
    return {
        "batch": torch.tensor(batch),
        "length": torch.tensor(length),
        "tokens": torch.tensor(len(tokens)),
        "tokens_hash": torch.tensor(int.from_bytes(digest[:8], signed=True)),
    }


def _require_same(settings: dict[str, Tensor], state: dict[str, Tensor], also: str) -> None:
    """Raise `ValueError` unless `state` has just the entries of `settings`, with the same values, and `also`."""
    expected = settings.keys() | {also}
    if state.keys() != expected:
        raise ValueError(f"state: got the entries {sorted(state)}, expected {sorted(expected)}")
    for argument, value in settings.items():
        if not torch.equal(state[argument].cpu(), value):
            raise ValueError(f"{argument}: got a state with {state[argument].tolist()}, expected {value.tolist()}")
