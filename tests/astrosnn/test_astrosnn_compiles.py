"""The kernels of the scans and of the memory compile for A100 and H100 without one, and fit."""

import pytest
import torch
from ahead_of_time import show, told

pytest.importorskip("triton", minversion="3.7")

from brainlib.astrosnn.kernels import triton as scans
from brainlib.astrosnn.kernels.memory import triton as memory

NAMES = {torch.float32: "fp32", torch.bfloat16: "bf16"}
WIDE = {"rates", "state", "last", "kept", "d_last", "d_rates", "d_state", "log_decay", "start", "products"}
NUMBERS = "T", "columns", "H", "K", "V"
COLUMNS, CHANNELS, HEAD = 1 << 14, 2048, 64
SWITCHES = {"RESET": "hard", "DETACHED": False, "SURROGATE": "sigmoid"}
SCANS = {"lif": (2, 1, torch.bfloat16, 9), "slow": (4, 2, torch.float32, 8), "wkv": (2, 2, torch.float32, 9)}


def compile_one(kernel, dtype: torch.dtype, generation: int, aligned: set[str], constants: dict, **options) -> None:
    def type_of(name: str) -> str:
        return "i32" if name in NUMBERS else "*fp32" if name in WIDE else "*" + NAMES[dtype]

    show(kernel, type_of, aligned, constants, generation, {"dtype": NAMES[dtype]}, **options)


def compile_all() -> None:
    # The scans have nothing of one generation and compile for long: each for one.
    cut = scans.plan(COLUMNS)
    for model, (rates, states, dtype, generation) in SCANS.items():
        constants = SWITCHES | {"MODEL": model, "RATES": rates, "STATES": states, "N": CHANNELS}
        constants |= {"STEPS": scans.SEGMENT, "BLOCK": cut.columns}
        for kernel in (scans.scan_forward, scans.scan_backward):
            compile_one(kernel, dtype, generation, set(), constants, num_warps=cut.warps)
    for dtype, generation in ((torch.bfloat16, 8), (torch.bfloat16, 9), (torch.float32, 8)):
        chunked = memory.Chunked(torch.empty(1, 1, 1), 1, 1, 1, memory.plan(dtype))
        constants = chunked.options(dtype, HEAD, HEAD)
        options = {name: constants.pop(name) for name in ("num_warps", "num_stages")}
        for kernel in (memory.carry, memory.read):  # against time, which takes more
            compile_one(kernel, dtype, generation, {"K", "V"}, constants, **options)


def test_kernels_fit():
    kernels = told(__file__)
    scanning = [k for k in kernels if k["kernel"].startswith("scan")]
    assert (
        len(scanning) == 6
    )  # plain neurons in bfloat16, those with a slow variable and the running average in float32
    assert [k for k in scanning if k["shared"] or k["barriers"]] == []  # no thread waits for another
    ahead = {"lif": 2 * 2, "slow": 2, "wkv": 2}  # two segments of both sequences, of the one, and one segment of both
    assert all(k["loads first"] >= ahead[k["MODEL"]] * scans.SEGMENT for k in scanning)
    chunks = [k for k in kernels if k["kernel"] in ("carry", "read")]
    assert chunks and all((k["mma"] or k["wgmma"]) == (k["dtype"] == "bf16") for k in chunks)  # the matrix units


if __name__ == "__main__":
    compile_all()
