"""The kernels compile for A100 and H100 without one, within their registers and shared memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton")

SHARED_BYTES = {8: 163 * 1024, 9: 227 * 1024}  # of one block, by generation
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("dtype", "products", "generation"),
    [("float32", "highest", 8), ("float32", "highest", 9), ("float32", "high", 9), ("float64", "highest", 9)],
)
def test_kernels_fit(dtype, products, generation, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment |= {"TRITON_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("compile_recurrence.py"), dtype, products, str(generation)],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    kernels = [json.loads(line) for line in done.stdout.splitlines()]
    assert {k["kernel"] for k in kernels} == {"step_forward", "step_backward"}
    assert [k for k in kernels if k["spilled"] or k["shared"] > SHARED_BYTES[generation]] == []
    assert all(k["barrier after stores"] for k in kernels)
    assert all(k["sixteen bytes at once"] for k in kernels if k["N_ALIGN"] == 4)
    assert all(k["mma"] == (products == "high" or dtype == "float64") for k in kernels)
