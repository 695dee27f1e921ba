"""The kernels compile for A100 and H100 without one, as they are cut for two sizes, and fit."""

import pytest
import torch
from ahead_of_time import show, told

pytest.importorskip("triton", minversion="3.7")  # 3.6 puts eight bytes of two kernels into memory

from brainlib.timescales.kernels.triton import plan, step_backward, step_forward

SIZES = (1024, 250), (256, 500)  # batch, units: rows that are not multiples of 16 bytes, and such that are
NUMBERS = "first_step", "steps", "T", "B", "n_parts"


def compile_all(dtype: torch.dtype, products: str, generation: int) -> None:
    def type_of(name: str) -> str:
        return "i32" if name in NUMBERS else {torch.float32: "*fp32", torch.float64: "*fp64"}[dtype]

    torch.set_float32_matmul_precision(products)
    more = {"uses matrix units": products == "high" or dtype == torch.float64}
    for batch, units in SIZES:
        constants = plan(batch, units).options(dtype)
        warps = constants.pop("num_warps")
        constants |= {"N_ALIGN": 1 if units % 4 else 4, "INSIDE": False, "ACTIVATION": "tanh"}
        for kernel in (step_forward, step_backward):
            show(kernel, type_of, set(), constants, generation, more, num_warps=warps)


def test_kernels_fit():
    kernels = told(__file__)
    assert {k["kernel"] for k in kernels} == {"step_forward", "step_backward"}
    assert all(k["barrier after stores"] for k in kernels)
    aligned = [k for k in kernels if k["N_ALIGN"] == 4]
    assert aligned and all(k["sixteen bytes at once"] for k in aligned)
    assert all((k["mma"] or k["wgmma"]) == k["uses matrix units"] for k in kernels)


if __name__ == "__main__":
    compile_all(torch.float32, "highest", 8)
    compile_all(torch.float32, "high", 9)
    compile_all(torch.float64, "highest", 9)
