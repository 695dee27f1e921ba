"""The kernels compile for A100 and H100 without one, within their registers and shared memory."""

from pathlib import Path

import pytest
from ahead_of_time import SHARED_BYTES, told

pytest.importorskip("triton", minversion="3.7")  # 3.6 puts eight bytes of two kernels into memory


@pytest.mark.parametrize(
    ("dtype", "products", "generation"),
    [("float32", "highest", 8), ("float32", "highest", 9), ("float32", "high", 9), ("float64", "highest", 9)],
)
def test_kernels_fit(dtype, products, generation, tmp_path):
    script = Path(__file__).with_name("compile_recurrence.py")
    kernels = told(script, dtype, products, generation, cache=tmp_path)
    assert {k["kernel"] for k in kernels} == {"step_forward", "step_backward"}
    assert [k for k in kernels if k["spilled"] or k["shared"] > SHARED_BYTES[generation]] == []
    assert all(k["barrier after stores"] for k in kernels)
    assert all(k["sixteen bytes at once"] for k in kernels if k["N_ALIGN"] == 4)
    assert all(k["mma"] == (products == "high" or dtype == "float64") for k in kernels)
