"""Every kernel in its largest tile compiles for A100 and H100 without one, and fits."""

import pytest
import torch
from ahead_of_time import show, told

pytest.importorskip("triton", minversion="3.7")  # 3.6 puts eight bytes of two kernels into memory

from brainlib.bdh.kernels.triton import products
from brainlib.bdh.kernels.triton.tiles import ROW_BYTES, fitting

NAMES = {torch.float32: "fp32", torch.bfloat16: "bf16"}
SINGLE = {"rope", "decay", "before", "whole", "after"}  # float32 whatever the products' precision
TUNED = (
    products.project_kernel,
    products.gate_forward,
    products.gate_backward,
    products.scores_kernel,
    products.unrotate_kernel,
    products.learn_kernel,
)
NUMBERS = {"N", "T", "D", "H", "K", "first_row", "threshold"}
ALIGNED = {"N", "T", "D", "K"}


def compile_all(precision: torch.dtype, generation: int) -> None:
    def type_of(name: str) -> str:
        if name in NUMBERS:
            return "i32"
        if name in ("seed", "factor"):
            return {"seed": "i64", "factor": "fp32"}[name]
        return "*fp32" if name in SINGLE else "*" + NAMES[precision]

    for kernel in TUNED:
        backward = kernel is not products.gate_forward
        shared = {"BK": ROW_BYTES // precision.itemsize, "PRECISION": "ieee", "BACKWARD": backward}
        config = fitting(kernel.configs, {}, BK=shared["BK"], generation=generation)[-1]
        options = {"num_warps": config.num_warps, "num_stages": config.num_stages}
        more = {"precision": NAMES[precision]}
        show(kernel.fn, type_of, ALIGNED, shared | config.kwargs, generation, more, **options)


def test_kernels_fit():
    kernels = told(__file__)
    assert len({k["kernel"] for k in kernels}) == 5
    half = [k for k in kernels if k["precision"] == "bf16"]
    assert half and all(k["wgmma"] if k["generation"] == 9 else k["mma"] for k in half)  # the matrix units are used


if __name__ == "__main__":
    for precision, generation in ((torch.float32, 8), (torch.bfloat16, 8), (torch.bfloat16, 9)):
        compile_all(precision, generation)
