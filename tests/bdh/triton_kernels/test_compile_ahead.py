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
    ("precision", "generation"), [("float32", 8), ("float32", 9), ("bfloat16", 8), ("bfloat16", 9)]
)
def test_kernels_fit(precision, generation, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment |= {"TRITON_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("compile_ahead.py"), precision, str(generation)],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    kernels = [json.loads(line) for line in done.stdout.splitlines()]
    assert len({k["kernel"] for k in kernels}) == (8 if precision == "float32" else 6)
    assert [k for k in kernels if k["spilled"] or k["shared"] > SHARED_BYTES[generation]] == []
    if precision != "float32":  # the matrix units are used
        assert all(k["wgmma"] if generation == 9 else k["mma"] for k in kernels)
