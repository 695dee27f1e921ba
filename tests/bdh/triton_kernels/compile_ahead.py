"""Compiles every kernel in every tile shape for GPUs that need not be there; prints what each takes, as JSON lines."""

import json
import subprocess
import sys
import tempfile

import torch
import triton
from triton import knobs
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from brainlib.bdh.kernels.triton import attention, decode, neurons
from brainlib.bdh.kernels.triton.tiles import ROW_BYTES, fitting

NAMES = {torch.float32: "fp32", torch.float16: "fp16", torch.bfloat16: "bf16"}
SINGLE = {"turn", "decay", "before", "whole", "after"}  # float32 whatever the products' precision
TUNED = neurons.project, neurons.speak, neurons.speak_backward, attention.scores, attention.turn_back, attention.learn
WHOLE = {"BD": 256, "ROWS": decode.ROWS, "STEP": decode.STEP}


def compiled(kernel, precision: torch.dtype, generation: int, constants: dict, **options):
    signature, constexprs, attributes = {}, {}, {}
    for index, parameter in enumerate(kernel.params):
        name = parameter.name
        if parameter.is_constexpr:
            signature[name], constexprs[name] = "constexpr", constants.get(name, True)  # every branch that may be taken
        elif name in ("N", "T", "D", "H", "K", "first_row", "threshold"):
            signature[name] = "i32"
        elif name in ("seed", "factor"):
            signature[name] = {"seed": "i64", "factor": "fp32"}[name]
        else:
            signature[name] = "*fp32" if name in SINGLE else "*" + NAMES[precision]
        if signature[name].startswith("*") or name in ("N", "T", "D", "K"):
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
        made = compiled(kernel, precision, generation, constants, **options)
        print(json.dumps({
            "kernel": kernel.__name__, **constants, "spilled": spilled(made), "shared": made.metadata.shared,
            "wgmma": "wgmma.mma_async" in made.asm["ptx"], "mma": "mma.sync" in made.asm["ptx"],
        }), flush=True)  # fmt: skip


if __name__ == "__main__":
    main(getattr(torch, sys.argv[1]), int(sys.argv[2]))
