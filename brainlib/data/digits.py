"""Handwritten digits of 8 x 8 pixels: small enough to be read pixel by pixel, as a sequence."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from .doors import locate

PIXELS = 64


class Digits(NamedTuple):
    """`images` hold 0 (paper) to 16 (ink), `labels` which digit it is.

    >>> digits().images.max()
    tensor(16, dtype=torch.uint8)
    """

    images: UInt8[Tensor, "images 8 8"]
    labels: Int64[Tensor, " images"]


def digits() -> Digits:
    """The 1,797 digits, written by 13 people, that scikit-learn ships: the test part of the UCI set "Optical
    Recognition of Handwritten Digits".

    Each pixel counts the ink in a block of 4 x 4 pixels of the scan. `print(locate("digits.csv.gz"))` tells the licence
    and the citation. Raises what `locate` raises.

    >>> images, labels = digits()
    >>> images.shape, labels[:4].tolist()
    (torch.Size([1797, 8, 8]), [0, 1, 2, 3])
    >>> images[0, 0].tolist()
    [0, 0, 5, 13, 9, 1, 0, 0]
    """
    table = np.loadtxt(locate("digits.csv.gz").path, delimiter=",")
    whole = torch.from_numpy(table.astype(np.uint8))
    return Digits(whole[:, :PIXELS].reshape(-1, 8, 8), whole[:, PIXELS].long())
