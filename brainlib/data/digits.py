"""Handwritten digits of 8 x 8 pixels: small enough to be read pixel by pixel, as a sequence."""

import gzip
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from .doors import locate
from .errors import DataError

PIXELS = 64
BRIGHTEST = 16


class Digits(NamedTuple):
    """`images` hold 0 (paper) to 16 (ink), `labels` which digit it is."""

    images: UInt8[Tensor, "images 8 8"]
    labels: Int64[Tensor, " images"]


def digits() -> Digits:
    """The 1,797 digits, written by 13 people, that scikit-learn ships: the test part of the UCI set "Optical
    Recognition of Handwritten Digits".

    Each pixel counts the ink in a block of 4 x 4 pixels of the scan. Chapter chapters/astrosnn/02_memory reads them
    row by row and pixel by pixel; `print(locate("digits.csv.gz"))` tells the licence and the citation. Raises
    `DataError` if the file is damaged, and what `locate` raises.
    """
    path = locate("digits.csv.gz").path
    try:
        with gzip.open(path, "rt") as file:
            table = np.loadtxt(file, delimiter=",", ndmin=2)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: damaged, or not of the expected form ({error})") from error
    fits = table.shape[1] == PIXELS + 1 and (table >= 0).all() and (table == table.round()).all()
    if not fits or table[:, :PIXELS].max() > BRIGHTEST or table[:, PIXELS].max() > 9:
        raise DataError(f"{path}: expected rows of {PIXELS} pixels, 0 to {BRIGHTEST}, and a digit, 0 to 9")
    whole = torch.from_numpy(table.astype(np.uint8))
    return Digits(whole[:, :PIXELS].reshape(-1, 8, 8), whole[:, PIXELS].long())
