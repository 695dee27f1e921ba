"""Compiles every kernel in every tile shape for GPUs that need not be there; prints what each takes, as JSON lines."""

import json
import sys
from functools import partial

import torch
from ahead_of_time import compiled, spilled

from brainlib.bdh.kernels.triton import attention, decode, neurons
from brainlib.bdh.kernels.triton.tiles import ROW_BYTES, fitting

NAMES = {torch.float32: "fp32", torch.float16: "fp16", torch.bfloat16: "bf16"}
SINGLE = {"turn", "decay", "before", "whole", "after"}  # float32 whatever the products' precision
TUNED = neurons.project, neurons.speak, neurons.speak_backward, attention.scores, attention.turn_back, attention.learn
NUMBERS = {"N", "T", "D", "H", "K", "first_row", "threshold"}
ALIGNED = {"N", "T", "D", "K"}
WHOLE = {"BD": 256, "ROWS": decode.ROWS, "STEP": decode.STEP}


def type_of(name: str, precision: torch.dtype) -> str:
    if name in NUMBERS:
        return "i32"
    if name in ("seed", "factor"):
        return {"seed": "i64", "factor": "fp32"}[name]
    return "*fp32" if name in SINGLE else "*" + NAMES[precision]


def main(precision: torch.dtype, generation: int) -> None:
    shared = {"BK": ROW_BYTES // precision.itemsize, "PRECISION": "ieee"}
    jobs = [
        (kernel.fn, shared | config.kwargs, {"num_warps": config.num_warps, "num_stages": config.num_stages})
        for kernel in TUNED
        for config in fitting(kernel.configs, {}, BK=shared["BK"], generation=generation)
    ]
    if precision == torch.float32:
        jobs += [(kernel, WHOLE, {}) for kernel in (decode.hear_and_learn_kernel, decode.fire_kernel)]
    for kernel, constants, options in jobs:
        made = compiled(kernel, partial(type_of, precision=precision), ALIGNED, constants, generation, **options)
        print(json.dumps({
            "kernel": kernel.__name__, **constants, "spilled": spilled(made), "shared": made.metadata.shared,
            "wgmma": "wgmma.mma_async" in made.asm["ptx"], "mma": "mma.sync" in made.asm["ptx"],
        }), flush=True)  # fmt: skip


if __name__ == "__main__":
    main(getattr(torch, sys.argv[1]), int(sys.argv[2]))
