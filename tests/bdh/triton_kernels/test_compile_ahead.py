"""The kernels compile for A100 and H100 without one, within their registers and shared memory."""

from pathlib import Path

import pytest
from ahead_of_time import SHARED_BYTES, told

pytest.importorskip("triton", minversion="3.7")  # 3.6 puts eight bytes of two kernels into memory


def test_kernels_fit():
    kernels = told(Path(__file__).with_name("compile_ahead.py"))
    assert len({k["kernel"] for k in kernels}) == 5
    assert [k for k in kernels if k["spilled"] or k["shared"] > SHARED_BYTES[k["generation"]]] == []
    half = [k for k in kernels if k["precision"] == "bf16"]
    assert half and all(k["wgmma"] if k["generation"] == 9 else k["mma"] for k in half)  # the matrix units are used
