"""Compiles the kernels as they are cut for several sizes, for GPUs that need not be there; prints JSON lines."""

import json

import torch
from ahead_of_time import compiled, spilled

from brainlib.timescales.kernels.triton import plan, step_backward, step_forward

SIZES = (1024, 250), (256, 500)  # batch, units: rows that are not multiples of 16 bytes, and such that are
NUMBERS = "first_step", "steps", "T", "B", "n_parts"


def main(dtype: torch.dtype, products: str, generation: int) -> None:
    def type_of(name: str) -> str:
        return "i32" if name in NUMBERS else {torch.float32: "*fp32", torch.float64: "*fp64"}[dtype]

    torch.set_float32_matmul_precision(products)
    for batch, units in SIZES:
        constants = plan(batch, units).options(dtype)
        options = {"num_warps": constants.pop("num_warps")}
        constants |= {"N_ALIGN": 1 if units % 4 else 4, "INSIDE": False, "ACTIVATION": "tanh"}
        for kernel in (step_forward, step_backward):
            made = compiled(kernel, type_of, set(), constants, generation, **options)
            ptx = made.asm["ptx"]
            print(json.dumps({
                "kernel": kernel.__name__, "dtype": str(dtype), "products": products, "generation": generation,
                **constants, "spilled": spilled(made), "shared": made.metadata.shared,
                "barrier after stores": ptx.rindex("bar.sync") > ptx.rindex("st.global"),
                "mma": "mma.sync" in ptx or "wgmma" in ptx, "sixteen bytes at once": "cp.async.cg" in ptx,
            }), flush=True)  # fmt: skip


if __name__ == "__main__":
    main(torch.float32, "highest", 8)
    main(torch.float32, "high", 9)
    main(torch.float64, "highest", 9)
