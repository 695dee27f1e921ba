"""Every test runs with brainlib's annotations checked, shapes and dtypes by jaxtyping, types by beartype; and Triton's
kernels run on a GPU if there is one, else in Triton's interpreter, which is chosen before they are loaded.
"""

import os
import sys

import pytest
import torch
from jaxtyping import install_import_hook

install_import_hook("brainlib", "beartype.beartype")

if torch.cuda.is_available():
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # for `poisoned`
elif os.environ.get("TRITON_INTERPRET") != "1":
    assert "triton" not in sys.modules, "triton was imported before its interpreter was chosen"
    os.environ["TRITON_INTERPRET"] = "1"


@pytest.fixture
def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@pytest.fixture
def poisoned():
    """Memory that nobody has written reads as NaN."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    assert torch.empty(3).isnan().all()
    yield
    torch.use_deterministic_algorithms(before)
