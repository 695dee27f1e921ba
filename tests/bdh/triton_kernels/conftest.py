"""What the kernels in half precision need beside the fixtures of all tests."""

import numpy as np
import pytest
import torch


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
