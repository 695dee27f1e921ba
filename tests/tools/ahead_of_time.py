"""Triton kernels compiled for GPUs that need not be there."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

SHARED_BYTES = {8: 163 * 1024, 9: 227 * 1024}  # of one block, by generation
ROOT = Path(__file__).parents[2]
CACHE = ROOT / "_build" / "triton"  # by Triton itself: under the source, the target, the options and its own version


def show(
    kernel, type_of: Callable[[str], str], aligned: set[str], constants: dict, generation: int, more: dict, **options
):
    """Prints what `kernel` takes on A100 (generation 8) or H100 (9), and `more`, as a JSON line. `type_of` gives an
    argument's type by its name, "*fp32" or "i32"; pointers and the `aligned` numbers are multiples of 16."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    signature, constexprs, attributes = {}, {}, {}
    for index, parameter in enumerate(kernel.params):
        name = parameter.name
        if parameter.is_constexpr:
            signature[name], constexprs[name] = "constexpr", constants.get(name, True)  # every branch that may be taken
            continue
        signature[name] = type_of(name)
        if signature[name].startswith("*") or name in aligned:
            attributes[index,] = [["tt.divisibility", 16]]
    source = ASTSource(kernel, signature, constexprs, attributes)
    made = triton.compile(source, target=GPUTarget("cuda", 10 * generation, 32), options=options)
    ptx = made.asm["ptx"]
    facts = {
        "kernel": kernel.__name__, "generation": generation, "shared": made.metadata.shared, "spilled": spilled(made),
        "mma": "mma.sync" in ptx, "wgmma": "wgmma.mma_async" in ptx, "barriers": ptx.count("bar.sync"),
        "barrier after stores": ptx.rfind("bar.sync") > ptx.rfind("st.global"), "shuffles": ptx.count("shfl.sync"),
        "loads first": ptx.partition("st.global")[0].count("ld.global"), "loads ahead": "cp.async" in ptx,
        "sixteen bytes at once": "cp.async.cg" in ptx, "barrier in source": "barrier" in made.asm["ttir"],
    }  # fmt: skip
    print(json.dumps(facts | constants | more), flush=True)


def spilled(kernel) -> int:
    """Bytes of registers that went to memory, by the resource usage that the assembler noted."""
    from triton import knobs

    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(kernel.asm["cubin"])
        file.flush()
        usage = subprocess.check_output([knobs.nvidia.cuobjdump.path, "-res-usage", file.name], text=True)
    fields = dict(word.split(":") for word in usage.split() if word.count(":") == 1 and not word.endswith(":"))
    return int(fields["STACK"]) + int(fields["LOCAL"])


def told(script: str) -> list[dict]:
    """What `script` shows in a process of its own, without the interpreter; all of it fits in registers and memory."""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment |= {
        "TRITON_CACHE_DIR": str(CACHE),
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests/tools"))),
    }
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    kernels = [json.loads(line) for line in done.stdout.splitlines()]
    assert [k for k in kernels if k["spilled"] or k["shared"] > SHARED_BYTES[k["generation"]]] == []
    return kernels
