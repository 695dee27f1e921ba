"""Text as tokens: a token is a byte of its UTF-8 form, so the vocabulary has 256 entries and nothing is unknown.

And the plays of Shakespeare as such.
"""

import numpy as np
import torch
from jaxtyping import Integer, UInt8
from torch import Tensor

from .doors import locate


def encode(text: str | bytes) -> UInt8[Tensor, "bytes"]:
    """The bytes of `text`, a string in UTF-8.

    >>> encode("Be!").tolist()
    [66, 101, 33]
    """
    raw = text.encode() if isinstance(text, str) else text
    return torch.from_numpy(np.frombuffer(raw, dtype=np.uint8).copy())


def decode(tokens: Integer[Tensor, "bytes"]) -> str:
    """The text that the bytes `tokens` spell; bytes that are no UTF-8 become the replacement character.

    Raises `ValueError` unless `tokens` is one row of whole numbers from 0 to 255.

    >>> decode(encode("Speak, speak.")[:5])
    'Speak'
    """
    require_row(tokens)
    try:
        return bytes(tokens.tolist()).decode(errors="replace")
    except (TypeError, ValueError) as error:
        raise ValueError(f"tokens: got {tokens.dtype}, expected whole numbers from 0 to 255 ({error})") from error


def split(
    tokens: UInt8[Tensor, "bytes"], held_out: float = 0.1
) -> tuple[UInt8[Tensor, " train"], UInt8[Tensor, " held_out"]]:
    """Cut a text once: the last share `held_out` of it is never trained on. Both parts are views of `tokens`.

    Raises `ValueError` unless `tokens` is a row of bytes and both parts hold at least one.

    >>> [len(part) for part in split(shakespeare())]
    [1063599, 118178]
    """
    require_row(tokens, torch.uint8)
    cut = int(len(tokens) * (1 - held_out)) if 0 < held_out < 1 else 0
    if not 0 < cut < len(tokens):
        raise ValueError(f"held_out: got {held_out!r} of {len(tokens)} bytes, expected a share that leaves two parts")
    return tokens[:cut], tokens[cut:]


def require_row(tokens: Tensor, dtype: torch.dtype | None = None) -> None:
    """Raise `ValueError` unless `tokens` is a tensor of one dimension, and of that dtype."""
    if not isinstance(tokens, Tensor):
        raise ValueError(f"tokens: got {type(tokens).__name__}, expected a tensor")
    if tokens.dim() != 1:
        raise ValueError(f"tokens: got shape {tuple(tokens.shape)}, expected one dimension")
    if dtype is not None and tokens.dtype != dtype:
        raise ValueError(f"tokens: got dtype {tokens.dtype}, expected {dtype}")


def require_batch(vocab: int, tokens: Tensor, targets: Tensor | None = None) -> None:
    """Raise `ValueError` unless `tokens`, and `targets` if there are any, are whole numbers from 0 to `vocab - 1`,
    shaped (batch, time) and shaped alike: what every language model of the book reads. A GPU checks the range itself,
    later.

    >>> require_batch(256, encode("Speak")[None])
    """
    for name, values in (("tokens", tokens), ("targets", targets)):
        if values is None:
            continue
        if values.dtype not in (torch.uint8, torch.int32, torch.int64):
            raise ValueError(f"{name}: got dtype {values.dtype}, expected uint8, int32 or int64")
        if values.ndim != 2 or values.numel() == 0:
            raise ValueError(f"{name}: got shape {tuple(values.shape)}, expected (batch, time), both at least 1")
        low, high = (bound.long() for bound in values.aminmax())  # uint8 itself cannot be compared with 256
        if values.device.type == "cuda":  # not waited for: a GPU that meets another value stops with an assertion
            torch._assert_async((low >= 0) & (high < vocab), f"{name}: expected values from 0 to {vocab - 1}")
        elif low < 0 or high >= vocab:
            raise ValueError(f"{name}: got values from {int(low)} to {int(high)}, expected 0 to {vocab - 1}")
    if targets is not None and targets.shape != tokens.shape:
        raise ValueError(f"targets: got shape {tuple(targets.shape)}, expected that of tokens {tuple(tokens.shape)}")


def shakespeare() -> UInt8[Tensor, "bytes"]:
    """Nine plays of Shakespeare, 1,181,777 bytes of ASCII that come with brainlib.

    They are those that tiny Shakespeare has excerpts of, whole, in another edition and in the same form: names of
    speakers and what they say, without headings and stage directions.

    >>> print(decode(shakespeare()[:60]))
    FIRST CITIZEN:
    Before we proceed any further, hear me speak.
    """
    return _read("shakespeare.txt")


def tiny_shakespeare() -> UInt8[Tensor, "bytes"]:
    """Tiny Shakespeare: 1,115,394 bytes of plays, the text of the official BDH demo. Raises what `locate` raises.

    >>> decode(tiny_shakespeare()[:14])  # doctest: +SKIP
    'First Citizen:'
    """
    return _read("tinyshakespeare.txt")


def _read(name: str) -> UInt8[Tensor, "bytes"]:
    return torch.from_numpy(np.fromfile(locate(name).path, dtype=np.uint8))
