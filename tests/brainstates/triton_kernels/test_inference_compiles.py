"""The kernels compile for A100 and H100 without one, within their registers and shared memory."""

from pathlib import Path

import pytest
from ahead_of_time import SHARED_BYTES, told

pytest.importorskip("triton")


def test_kernels_fit():
    kernels = told(Path(__file__).with_name("compile_inference.py"))
    assert len({k["kernel"] for k in kernels}) == 7
    assert [k for k in kernels if k["spilled"] or k["shared"] > SHARED_BYTES[k["generation"]]] == []
    assert all(k["loads ahead"] for k in kernels)
    assert all(k["shuffles"] < 200 for k in kernels)  # else sums go across the threads
    assert {k["kernel"] for k in kernels if k["barrier"]} == {
        "walk, False",
        "walk, True",
    }  # between writing and reading
