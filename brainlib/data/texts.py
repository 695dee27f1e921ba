"""The texts of the book, as bytes."""

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from .doors import locate


def tiny_shakespeare() -> UInt8[Tensor, "bytes"]:
    """Tiny Shakespeare: 1,115,394 bytes of plays, the text of the official BDH demo. Raises what `locate` raises."""
    return _read("tinyshakespeare.txt")


def complete_shakespeare() -> UInt8[Tensor, "bytes"]:
    """All 42 works in modern spelling, 5,057,198 bytes of ASCII, by file name. Raises what `locate` raises."""
    return _read("complete_shakespeare.txt")


def first_folio() -> UInt8[Tensor, "bytes"]:
    """35 plays in the spelling of 1623, 4,485,861 bytes of UTF-8: the same author, another domain for a test.

    Raises what `locate` raises.
    """
    return _read("first_folio.txt")


def _read(name: str) -> UInt8[Tensor, "bytes"]:
    return torch.from_numpy(np.fromfile(locate(name).path, dtype=np.uint8))
