"""Compiles the kernels for two numbers of states, for GPUs that need not be there; prints JSON lines."""

import json

import torch
from ahead_of_time import compiled, spilled

from brainlib.brainstates.kernels.triton import padded, posterior, scan_warps, warps_of

NUMBERS = "T", "S", "chunk_bins"


def main(dtype: torch.dtype, generation: int, S: int) -> None:
    number = {torch.float32: "*fp32", torch.float64: "*fp64"}[dtype]
    known = {"lengths": "*i64", "scales": "*fp64", "log_likelihood": "*fp64"}

    def type_of(name: str) -> str:
        return "i32" if name in NUMBERS else known.get(name, number)

    kernels = {"scan": (posterior.scan, {})}
    for logs in (False, True):
        kernels[f"multiply, {logs}"] = posterior.multiply, {"LOGS": logs}
        kernels[f"walk, {logs}"] = posterior.walk, {"SMOOTH": True, "LOGS": logs}
        kernels[f"filter, {logs}"] = posterior.walk, {"SMOOTH": False, "LOGS": logs}
    for name, (kernel, constants) in kernels.items():
        warps = scan_warps(S, dtype) if name == "scan" else warps_of(S, dtype)
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
