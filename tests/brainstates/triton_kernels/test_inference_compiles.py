"""The kernels compile for A100 and H100 without one, within their registers and shared memory."""

from pathlib import Path

import pytest
from ahead_of_time import SHARED_BYTES, told

pytest.importorskip("triton")


@pytest.mark.parametrize(
    ("dtype", "generation", "states"),
    [("float32", 8, (20,)), ("float32", 9, (5, 64)), ("float64", 9, (20,))],
    ids=str,
)
def test_kernels_fit(dtype, generation, states, tmp_path):
    script = Path(__file__).with_name("compile_inference.py")
    kernels = told(script, dtype, generation, *states, cache=tmp_path)
    assert len({k["kernel"] for k in kernels}) == 6
    assert [k for k in kernels if k["spilled"] or k["shared"] > SHARED_BYTES[generation]] == []
    assert all(k["loads ahead"] for k in kernels)
    assert all(k["shuffles"] < 200 for k in kernels if k["kernel"] != "draw")  # else sums go across the threads
    assert {k["kernel"] for k in kernels if k["barrier"]} == {"walk", "best"}  # between writing and reading
