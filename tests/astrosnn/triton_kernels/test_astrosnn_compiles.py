"""The kernels compile for A100 and H100 without one, within their registers and shared memory."""

from pathlib import Path

import pytest
from ahead_of_time import SHARED_BYTES, told

pytest.importorskip("triton", minversion="3.7")

from brainlib.astrosnn.kernels.triton import SEGMENT


def test_kernels_fit():
    kernels = told(Path(__file__).with_name("compile_astrosnn.py"))
    assert [k for k in kernels if k["spilled"] or k["shared"] > SHARED_BYTES[k["generation"]]] == []
    scans = [k for k in kernels if k["kernel"].startswith("scan")]
    assert len(scans) == 6  # plain neurons in bfloat16, those with a slow variable and the running average in float32
    assert [k for k in scans if k["shared"] or k["barriers"]] == []  # no thread waits for another
    ahead = {"lif": 2 * 2, "slow": 2, "wkv": 2}  # two segments of both sequences, of the one, and one segment of both
    assert all(k["loads first"] >= ahead[k["MODEL"]] * SEGMENT for k in scans)
    memory = [k for k in kernels if k["kernel"] in ("carry", "read")]
    assert memory and all(k["mma"] == (k["dtype"] == "bf16") for k in memory)  # the matrix units, in half precision
