"""Compiles the kernels as they are cut for several sizes, for GPUs that need not be there; prints JSON lines."""

import json
import subprocess
import sys
import tempfile

import torch
import triton
from triton import knobs
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from brainlib.timescales.kernels.triton import plan, step_backward, step_forward

SIZES = (64, 37), (64, 100), (1024, 250), (256, 500)  # batch, units
NUMBERS = "first_step", "steps", "T", "B", "n_parts"


def compiled(kernel, dtype: torch.dtype, generation: int, constants: dict, **options):
    signature, constexprs, attributes = {}, {}, {}
    for index, parameter in enumerate(kernel.params):
        name = parameter.name
        if parameter.is_constexpr:
            signature[name], constexprs[name] = "constexpr", constants[name]
        elif name in NUMBERS:
            signature[name] = "i32"
        else:
            signature[name] = {torch.float32: "*fp32", torch.float64: "*fp64"}[dtype]
            attributes[index,] = [["tt.divisibility", 16]]
    source = ASTSource(kernel, signature, constexprs, attributes)
    return triton.compile(source, target=GPUTarget("cuda", 10 * generation, 32), options=options)


def spilled(kernel) -> int:
    """Bytes of registers that went to memory, by the resource usage that the assembler noted."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(kernel.asm["cubin"])
        file.flush()
        usage = subprocess.check_output([knobs.nvidia.cuobjdump.path, "-res-usage", file.name], text=True)
    fields = dict(word.split(":") for word in usage.split() if word.count(":") == 1 and not word.endswith(":"))
    return int(fields["STACK"]) + int(fields["LOCAL"])


def main(dtype: torch.dtype, products: str, generation: int) -> None:
    torch.set_float32_matmul_precision(products)
    for batch, units in SIZES:
        constants = plan(batch, units).options(dtype)
        options = {"num_warps": constants.pop("num_warps")}
        constants |= {"N_ALIGN": 1 if units % 4 else 4, "INSIDE": False, "ACTIVATION": "tanh"}
        for kernel in (step_forward, step_backward):
            made = compiled(kernel, dtype, generation, constants, **options)
            ptx = made.asm["ptx"]
            print(json.dumps({
                "kernel": kernel.__name__, **constants, "spilled": spilled(made), "shared": made.metadata.shared,
                "barrier after stores": ptx.rindex("bar.sync") > ptx.rindex("st.global"),
                "mma": "mma.sync" in ptx or "wgmma" in ptx, "sixteen bytes at once": "cp.async.cg" in ptx,
            }), flush=True)  # fmt: skip


if __name__ == "__main__":
    main(getattr(torch, sys.argv[1]), sys.argv[2], int(sys.argv[3]))
