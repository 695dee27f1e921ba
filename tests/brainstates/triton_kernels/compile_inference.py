"""Compiles the kernels for two numbers of states, for GPUs that need not be there; prints JSON lines."""

import json

import torch
from ahead_of_time import compiled, spilled

from brainlib.brainstates.kernels.triton import DRAWN_AT_ONCE, padded, paths, posterior, scan_warps, warps_of

NUMBERS = "T", "S", "samples", "chunk_bins"


def main(dtype: torch.dtype, generation: int, S: int) -> None:
    number = {torch.float32: "*fp32", torch.float64: "*fp64"}[dtype]
    known = {"lengths": "*i64", "paths": "*i64", "origins": "*u8", "scales": "*fp64", "log_likelihood": "*fp64"}

    def type_of(name: str) -> str:
        return "i32" if name in NUMBERS else known.get(name, number)

    kernels = {
        "multiply": (posterior.multiply, {}),
        "scan": (posterior.scan, {}),
        "walk": (posterior.walk, {"AIM": "smooth"}),
        "filter": (posterior.walk, {"AIM": "filter"}),
        "best": (paths.best, {}),
        "draw": (paths.draw, {"BP": DRAWN_AT_ONCE}),
    }
    for name, (kernel, constants) in kernels.items():
        warps = {"draw": 1, "scan": scan_warps(S, dtype)}.get(name, warps_of(S, dtype))
        made = compiled(kernel, type_of, set(), {"BS": padded(S), **constants}, generation, num_warps=warps)
        ptx = made.asm["ptx"]
        print(json.dumps({
            "kernel": name, "dtype": str(dtype), "generation": generation, "states": S,
            "spilled": spilled(made), "shared": made.metadata.shared,
            "loads ahead": "cp.async" in ptx, "shuffles": ptx.count("shfl.sync"),
            "barrier": "barrier" in made.asm["ttir"],
        }), flush=True)  # fmt: skip


if __name__ == "__main__":
    main(torch.float32, 8, 20)
    main(torch.float32, 9, 64)
    main(torch.float64, 9, 20)
