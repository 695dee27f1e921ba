"""The kernels compile for A100 and H100 without one, within their registers and shared memory."""

from pathlib import Path

import pytest
from ahead_of_time import SHARED_BYTES, told

pytest.importorskip("triton", minversion="3.7")

from brainlib.astrosnn.kernels.lif import triton as lif
from brainlib.astrosnn.kernels.slow import triton as slow


def test_kernels_fit():
    kernels = told(Path(__file__).with_name("compile_astrosnn.py"))
    assert [k for k in kernels if k["spilled"] or k["shared"] > SHARED_BYTES[k["generation"]]] == []
    scans = [k for k in kernels if k["kernel"].startswith("scan")]
    assert len(scans) == 4  # plain neurons in bfloat16, those with a slow variable in float32
    assert [k for k in scans if k["shared"] or k["barriers"]] == []  # no thread waits for another
    steps = {"bf16": 2 * 2 * lif.SEGMENT, "fp32": 2 * slow.STEPS}  # of current and astrocyte, or of current
    assert all(k["loads first"] >= steps[k["dtype"]] for k in scans)  # two segments
    memory = [k for k in kernels if k["kernel"] in ("carry", "read")]
    assert memory and all(k["mma"] == (k["dtype"] == "bf16") for k in memory)  # the matrix units, in half precision
