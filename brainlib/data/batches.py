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

from brainlib.arguments import seeded, whole_number

from .tokens import require_row

Batch = tuple[Int64[Tensor, "batch time"], Int64[Tensor, "batch time"]]


class RandomCrops:
    """Crops of `length` bytes that begin anywhere in the text, each place being equally likely.

    Used where a model starts every sequence from nothing. The random numbers come from a generator of its own.
    Raises `ValueError` if the text is shorter than `length + 1` bytes or an argument is out of range.

    >>> inputs, targets = RandomCrops(torch.arange(99, dtype=torch.uint8), batch=2, length=5).next_batch()
    >>> inputs.shape, bool((targets == inputs + 1).all())
    (torch.Size([2, 5]), True)
    """

    def __init__(self, tokens: UInt8[Tensor, "bytes"], batch: int = 16, length: int = 128, seed: int = 0):
        self._batch, self._length = _sizes(tokens, batch, length, length + 1)
        self._settings = _settings(tokens, batch, length)
        self._tokens, self._generator = tokens, seeded(seed)

    def next_batch(self) -> Batch:
        """The next crops."""
        starts = torch.randint(len(self._tokens) - self._length, (self._batch, 1), generator=self._generator)
        return _shift(self._tokens[starts + torch.arange(self._length + 1)])

    def state_dict(self) -> dict[str, Tensor]:
        """The settings and the state of the random generator."""
        return self._settings | {"generator": self._generator.get_state()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from `state`. Raises `ValueError` if it belongs to another text or other settings."""
        self._generator.set_state(_own(state, self._settings, "generator"))


class CoherentStreams:
    """`batch` streams read side by side: row `r` of a batch goes on where row `r` of the last batch stopped.

    The text is cut into `batch` streams of equal length (up to `batch - 1` bytes at its end are left over), and a
    stream that is read to its end goes on from its beginning. Used where a model carries its state from batch to batch.
    Raises `ValueError` if a stream would be shorter than `length + 1` bytes or an argument is out of range.

    >>> streams = CoherentStreams(torch.arange(20, dtype=torch.uint8), batch=2, length=3)
    >>> [streams.next_batch()[0].tolist() for _ in range(2)]
    [[[0, 1, 2], [10, 11, 12]], [[3, 4, 5], [13, 14, 15]]]
    """

    def __init__(self, tokens: UInt8[Tensor, "bytes"], batch: int = 16, length: int = 128):
        batch, self._length = _sizes(tokens, batch, length, batch * (length + 1))
        self._settings = _settings(tokens, batch, length)
        self._streams = tokens[: len(tokens) // batch * batch].view(batch, -1)  # [batch, bytes of a stream]
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
        self._position = int(_own(state, self._settings, "position"))


def windows(tokens: UInt8[Tensor, "bytes"], length: int, batch: int) -> Iterator[Batch]:
    """Every byte of the text but the first as a target exactly once, in order, for a loss on held-out text.

    The windows are `length` bytes long and do not overlap; `batch` of them make a batch. The last batch of whole
    windows may have fewer rows, and what is left of the text comes last as one shorter window: a mean over the text
    weighs each batch by its number of targets.
    Raises `ValueError` if the text has fewer than two bytes or an argument is out of range.

    >>> [inputs.tolist() for inputs, _ in windows(torch.arange(8, dtype=torch.uint8), length=3, batch=2)]
    [[[0, 1, 2], [3, 4, 5]], [[6]]]
    """
    batch, length = _sizes(tokens, batch, length, 2)
    whole, rest = divmod(len(tokens) - 1, length)
    parts = list(tokens[: whole * length + 1].unfold(0, length + 1, length).split(batch)) if whole else []
    return map(_shift, [*parts, tokens[None, whole * length :]] if rest else parts)


def _shift(crops: UInt8[Tensor, "batch time_and_one"]) -> Batch:
    return crops[:, :-1].long(), crops[:, 1:].long()


def _sizes(tokens: Tensor, batch: int, length: int, least: int) -> tuple[int, int]:
    """`batch` and `length` as Python's numbers, once the text is seen to be one and long enough."""
    require_row(tokens, torch.uint8)
    batch, length = whole_number("batch", batch, least=1), whole_number("length", length, least=1)
    if len(tokens) < least:
        raise ValueError(f"tokens: got {len(tokens)} bytes, expected at least {least} for batches of this size")
    return batch, length


def _settings(tokens: Tensor, batch: int, length: int) -> dict[str, Tensor]:
    """What a state is bound to: the sizes of a batch, and the text, by its number of bytes and its hash."""
    digest = hashlib.sha256(tokens.numpy(force=True).tobytes()).digest()
    settings = {"batch": batch, "length": length, "tokens": len(tokens)}
    settings["tokens_hash"] = int.from_bytes(digest[:8], signed=True)
    return {name: torch.tensor(value) for name, value in settings.items()}


def _own(state: dict[str, Tensor], settings: dict[str, Tensor], name: str) -> Tensor:
    """The entry `name` of a state, if it has just that and the settings, with the same values."""
    expected = settings.keys() | {name}
    if state.keys() != expected:
        raise ValueError(f"state: got the entries {sorted(state)}, expected {sorted(expected)}")
    for argument, value in settings.items():
        if not torch.equal(state[argument].cpu(), value):
            raise ValueError(f"{argument}: got a state with {state[argument].tolist()}, expected {value.tolist()}")
    return state[name]
