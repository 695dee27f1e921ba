"""Whether bfloat16 pays on a device: measured, not guessed from its name."""

import time

import torch

_CLEARLY = 1.5


def resolve_precision(precision: str, device: torch.device) -> str:
    """The precision to train in, "float32" or "bfloat16".

    "auto" times a matrix product both ways and takes bfloat16 if that is at least 1.5 times faster.
    """
    if precision != "auto":
        return precision
    pays = _seconds(device, bfloat16=False) > _CLEARLY * _seconds(device, bfloat16=True)
    return "bfloat16" if pays else "float32"


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """The context of a forward pass in `precision`; parameters and gradients are float32 in both."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")


def _seconds(device: torch.device, bfloat16: bool) -> float:
    # Casting from float32 is part of what autocast costs, so it is part of the measurement.
    size = 768 if device.type == "cpu" else 4096
    matrix = torch.ones(size, size, device=device)
    times = []
    for _ in range(6):
        start = time.perf_counter()
        with torch.no_grad(), autocast("bfloat16" if bfloat16 else "float32", device):
            matrix @ matrix
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return min(times)
