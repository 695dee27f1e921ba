"""The kernels compile for A100 and H100 without one, within their registers and shared memory."""

from pathlib import Path

import pytest
from ahead_of_time import SHARED_BYTES, told

pytest.importorskip("triton", minversion="3.7")  # 3.6 puts eight bytes of two kernels into memory


@pytest.mark.parametrize(
    ("precision", "generation"), [("float32", 8), ("float32", 9), ("bfloat16", 8), ("bfloat16", 9)]
)
def test_kernels_fit(precision, generation, tmp_path):
    kernels = told(Path(__file__).with_name("compile_ahead.py"), precision, generation, cache=tmp_path)
    assert len({k["kernel"] for k in kernels}) == (8 if precision == "float32" else 6)
    assert [k for k in kernels if k["spilled"] or k["shared"] > SHARED_BYTES[generation]] == []
    if precision != "float32":  # the matrix units are used
        assert all(k["wgmma"] if generation == 9 else k["mma"] for k in kernels)
