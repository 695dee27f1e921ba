"""Compiles every kernel in its largest tile for GPUs that need not be there; prints what each takes, as JSON lines."""

import json
from functools import partial

import torch
from ahead_of_time import compiled, spilled

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


def type_of(name: str, precision: torch.dtype) -> str:
    if name in NUMBERS:
        return "i32"
    if name in ("seed", "factor"):
        return {"seed": "i64", "factor": "fp32"}[name]
    return "*fp32" if name in SINGLE else "*" + NAMES[precision]


def show(kernel, precision: torch.dtype, generation: int, constants: dict, **options) -> None:
    made = compiled(kernel, partial(type_of, precision=precision), ALIGNED, constants, generation, **options)
    print(json.dumps({
        "kernel": kernel.__name__, "precision": NAMES[precision], "generation": generation, **constants,
        "spilled": spilled(made), "shared": made.metadata.shared,
        "wgmma": "wgmma.mma_async" in made.asm["ptx"], "mma": "mma.sync" in made.asm["ptx"],
    }), flush=True)  # fmt: skip


def main() -> None:
    for precision, generation in ((torch.float32, 8), (torch.bfloat16, 8), (torch.bfloat16, 9)):
        for kernel in TUNED:
            backward = kernel is not products.gate_forward
            shared = {"BK": ROW_BYTES // precision.itemsize, "PRECISION": "ieee", "BACKWARD": backward}
            config = fitting(kernel.configs, {}, BK=shared["BK"], generation=generation)[-1]
            options = {"num_warps": config.num_warps, "num_stages": config.num_stages}
            show(kernel.fn, precision, generation, shared | config.kwargs, **options)


if __name__ == "__main__":
    main()
