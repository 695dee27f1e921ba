"""Sizes around a segment, which the scans compute again at once: sequences, steps, channels."""

from brainlib.astrosnn.kernels.lif.triton import SEGMENT

SIZES = {
    "one of everything": (1, 1, 1),
    "a step short of a segment": (2, SEGMENT - 1, 5),
    "one segment": (1, SEGMENT, 3),
    "three segments, odd": (2, 2 * SEGMENT + 1, 13),
}
ODD = SIZES["three segments, odd"]
