"""Compiles the kernels of the scans and of the memory for a GPU that need not be there; prints JSON lines."""

import json

import torch
from ahead_of_time import compiled, spilled

from brainlib.astrosnn.kernels import triton as scans
from brainlib.astrosnn.kernels.memory import triton as memory

NAMES = {torch.float32: "fp32", torch.bfloat16: "bf16"}
WIDE = {"rates", "state", "last", "kept", "d_last", "d_rates", "d_state", "log_decay", "start", "products"}
NUMBERS = "T", "columns", "H", "K", "V"
COLUMNS, CHANNELS, HEAD = 1 << 14, 2048, 64
SWITCHES = {"RESET": "hard", "DETACHED": False, "SURROGATE": "sigmoid", "SLOPE": 4.0}
SCANS = {"lif": (2, 1, torch.bfloat16, 9), "slow": (4, 2, torch.float32, 8), "wkv": (2, 2, torch.float32, 9)}


def show(kernel, dtype: torch.dtype, generation: int, aligned: set[str], constants: dict, **options) -> None:
    def type_of(name: str) -> str:
        return "i32" if name in NUMBERS else "*fp32" if name in WIDE else "*" + NAMES[dtype]

    made = compiled(kernel, type_of, aligned, constants, generation, **options)
    ptx = made.asm["ptx"]
    print(json.dumps({
        "kernel": kernel.__name__, "dtype": NAMES[dtype], "generation": generation, **constants,
        "spilled": spilled(made), "shared": made.metadata.shared,
        "barriers": ptx.count("bar.sync"), "loads first": ptx[: ptx.index("st.global")].count("ld.global"),
        "mma": "mma.sync" in ptx or "wgmma" in ptx,
    }), flush=True)  # fmt: skip


def main() -> None:
    # The scans have nothing of one generation and compile for long: each for one.
    cut = scans.plan(COLUMNS)
    for model, (rates, states, dtype, generation) in SCANS.items():
        constants = SWITCHES | {"MODEL": model, "RATES": rates, "STATES": states, "N": CHANNELS}
        constants |= {"STEPS": scans.SEGMENT, "BLOCK": cut.columns}
        for kernel in (scans.scan_forward, scans.scan_backward):
            show(kernel, dtype, generation, set(), constants, num_warps=cut.warps)
    for dtype, generation in ((torch.bfloat16, 8), (torch.bfloat16, 9), (torch.float32, 8)):
        chunked = memory.Chunked(torch.empty(1, 1, 1), 1, 1, 1, memory.plan(dtype))
        constants = chunked.options(dtype, HEAD, HEAD)
        options = {name: constants.pop(name) for name in ("num_warps", "num_stages")}
        for kernel in (memory.carry, memory.read):  # against time, which takes more
            show(kernel, dtype, generation, {"K", "V"}, constants, **options)


if __name__ == "__main__":
    main()
