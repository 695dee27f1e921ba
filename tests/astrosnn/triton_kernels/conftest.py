"""What makes tests of many small functions quick in Triton's interpreter, and right in half precision."""

import numpy as np
import pytest
import torch


@pytest.fixture(autouse=True)
def patched_once(monkeypatch):
    """For each function called in a kernel the interpreter patches Triton's language again, which takes most of the
    time; here for the first of a module only.
    """
    interpreter = pytest.importorskip("triton.runtime.interpreter")
    patched = set()

    def call(self, *args, **kwargs):
        if self.fn.__module__ not in patched:
            interpreter._patch_lang(self.fn)
            patched.add(self.fn.__module__)
        return self.rewrite()(*args, **kwargs)

    monkeypatch.setattr(interpreter.InterpretedFunction, "__call__", call)


@pytest.fixture
def rounding(monkeypatch):
    """float32 to bfloat16 to the nearest, as GPUs do; Triton's interpreter cuts off."""
    interpreter = pytest.importorskip("triton.runtime.interpreter")
    convert, single, half = interpreter._convert_float, interpreter.tl.float32, interpreter.tl.bfloat16

    def nearest(data, old, new, mode):
        if (old, new) != (single, half):
            return convert(data, old, new, mode)
        rounded = torch.from_numpy(np.array(data).view(np.float32)).to(torch.bfloat16)
        return rounded.view(torch.int16).numpy().view(np.uint16)

    monkeypatch.setattr(interpreter, "_convert_float", nearest)
