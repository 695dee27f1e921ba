"""The kernels compile for A100 and H100 without one, within their registers and shared memory."""

from pathlib import Path

import pytest
from ahead_of_time import SHARED_BYTES, told

pytest.importorskip("triton", minversion="3.7")

from brainlib.astrosnn.kernels.lif import triton as lif
from brainlib.astrosnn.kernels.slow import triton as slow


@pytest.mark.parametrize(
    ("dtype", "products", "generation"),
    [("bfloat16", "highest", 8), ("bfloat16", "highest", 9), ("float32", "highest", 9)],
)
def test_kernels_fit(dtype, products, generation, tmp_path):
    script = Path(__file__).with_name("compile_astrosnn.py")
    kernels = told(script, dtype, products, generation, cache=tmp_path)
    assert {k["kernel"] for k in kernels} >= {"carry", "read"}
    assert [k for k in kernels if k["spilled"] or k["shared"] > SHARED_BYTES[generation]] == []
    scans = [k for k in kernels if k["kernel"].startswith("scan")]
    assert len(scans) == 2  # plain neurons in bfloat16, those with a slow variable in float32
    assert [k for k in scans if k["shared"] or k["barriers"]] == []  # no thread waits for another
    steps = 2 * 2 * lif.SEGMENT if dtype == "bfloat16" else 2 * slow.STEPS
    assert all(k["loads first"] >= steps for k in scans)  # of current and astrocyte, or of current; two segments
    on_matrix_units = {k["mma"] for k in kernels if k not in scans}
    assert on_matrix_units == {dtype != "float32" or products == "high"}
