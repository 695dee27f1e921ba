"""The kernels compile for A100 and H100 without one, within their registers and shared memory."""

from pathlib import Path

import pytest
from ahead_of_time import SHARED_BYTES, told

pytest.importorskip("triton", minversion="3.7")  # 3.6 puts eight bytes of two kernels into memory


def test_kernels_fit():
    kernels = told(Path(__file__).with_name("compile_recurrence.py"))
    assert {k["kernel"] for k in kernels} == {"step_forward", "step_backward"}
    assert [k for k in kernels if k["spilled"] or k["shared"] > SHARED_BYTES[k["generation"]]] == []
    assert all(k["barrier after stores"] for k in kernels)
    aligned = [k for k in kernels if k["N_ALIGN"] == 4]
    assert aligned and all(k["sixteen bytes at once"] for k in aligned)
    assert all(k["mma"] == (k["products"] == "high" or k["dtype"] == "torch.float64") for k in kernels)
