"""Whether bfloat16 pays on a device: measured, not guessed from its name."""

import math
import time

import torch

_CLEARLY = 1.5


def resolve_precision(precision: str, device: torch.device) -> str:
    """The precision to train in, "float32" or "bfloat16".

    "auto" times a matrix product both ways and takes bfloat16 if that is at least 1.5 times faster. A checkpoint keeps
    what was found; runs that are to be compared bit for bit should name their precision.
    """
    if precision != "auto":
        return precision
    # Casting from float32 is part of what autocast costs, so it is part of the measurement. The products take turns and
    # the shortest of each counts, so that other work on the machine hardly matters.
    size = 512 if device.type == "cpu" else 4096
    matrix = torch.ones(size, size, device=device)
    shortest = {"float32": math.inf, "bfloat16": math.inf}
    for _ in range(20):
        for tried in shortest:
            shortest[tried] = min(shortest[tried], _seconds(matrix, tried))
    return "bfloat16" if shortest["float32"] > _CLEARLY * shortest["bfloat16"] else "float32"


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """The context of a forward pass in `precision`; parameters and gradients are float32 in both."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")


def _seconds(matrix: torch.Tensor, precision: str) -> float:
    start = time.perf_counter()
    with torch.no_grad(), autocast(precision, matrix.device):
        matrix @ matrix
    if matrix.device.type == "cuda":
        torch.cuda.synchronize(matrix.device)
    return time.perf_counter() - start
