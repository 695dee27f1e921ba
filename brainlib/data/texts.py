"""The texts of the book, as bytes."""

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from .doors import locate


def shakespeare() -> UInt8[Tensor, "bytes"]:
    """Nine plays of Shakespeare, 1,181,777 bytes of ASCII that come with brainlib.

    They are those that tiny Shakespeare has excerpts of, whole, in another edition and in the same form: names of
    speakers and what they say, without headings and stage directions.
    """
    return _read("shakespeare.txt")


def tiny_shakespeare() -> UInt8[Tensor, "bytes"]:
    """Tiny Shakespeare: 1,115,394 bytes of plays, the text of the official BDH demo. Raises what `locate` raises."""
    return _read("tinyshakespeare.txt")


def _read(name: str) -> UInt8[Tensor, "bytes"]:
    return torch.from_numpy(np.fromfile(locate(name).path, dtype=np.uint8))
