"""The kernels compile for A100 and H100 without one, for two numbers of states, within registers and shared memory."""

import pytest
import torch
from ahead_of_time import show, told

pytest.importorskip("triton")

from brainlib.brainstates.kernels.triton import padded, posterior, scan_warps, warps_of

NUMBERS = "T", "S", "chunk_bins"
KNOWN = {"lengths": "*i64", "scales": "*fp64", "log_likelihood": "*fp64"}


def compile_all(dtype: torch.dtype, generation: int, S: int) -> None:
    number = {torch.float32: "*fp32", torch.float64: "*fp64"}[dtype]

    def type_of(name: str) -> str:
        return "i32" if name in NUMBERS else KNOWN.get(name, number)

    kernels = [(posterior.scan, {})]
    for logs in (False, True):
        kernels += [(posterior.multiply, {"LOGS": logs})]
        kernels += [(posterior.walk, {"SMOOTH": smooth, "LOGS": logs}) for smooth in (True, False)]
    for kernel, constants in kernels:
        warps = scan_warps(S, dtype) if kernel is posterior.scan else warps_of(S, dtype)
        show(kernel, type_of, set(), {"BS": padded(S), **constants}, generation, {}, num_warps=warps)


def test_kernels_fit():
    kernels = told(__file__)
    assert len(kernels) == 3 * 7 and all(k["loads ahead"] for k in kernels)
    assert all(k["shuffles"] < 200 for k in kernels)  # else sums go across the threads
    assert all(k["barrier in source"] == k.get("SMOOTH", False) for k in kernels)  # between writing and reading


if __name__ == "__main__":
    compile_all(torch.float32, 8, 20)
    compile_all(torch.float32, 9, 64)
    compile_all(torch.float64, 9, 20)
