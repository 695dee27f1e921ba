"""Every test runs with brainlib's annotations checked, shapes and dtypes by jaxtyping, types by beartype; and Triton's
kernels run on a GPU if there is one, else in Triton's interpreter, which is chosen before they are loaded.
"""

import os
import sys

if "PYTEST_XDIST_WORKER" in os.environ:  # the workers share the cores; read when NumPy and torch are loaded
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import jaxtyping
import numpy as np
import pytest
import torch

jaxtyping.install_import_hook("brainlib", "beartype.beartype")

if torch.cuda.is_available():
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # for `poisoned`
elif os.environ.get("TRITON_INTERPRET") != "1":
    assert "triton" not in sys.modules, "triton was imported before its interpreter was chosen"
    os.environ["TRITON_INTERPRET"] = "1"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One loud line for all tests whose data files are missing, and one for all that lack a browser."""
    from data_files import loud_line  # not earlier: it loads brainlib

    skipped = terminalreporter.stats.get("skipped", [])
    reasons = {report.longrepr[2].removeprefix("Skipped: ") for report in skipped if isinstance(report.longrepr, tuple)}
    for line in [loud_line(skipped), *sorted(reason for reason in reasons if "TESTS SKIPPED" in reason)]:
        if line:
            terminalreporter.write_line(line, red=True, bold=True)


@pytest.fixture
def unchecked():
    """Without the checker of annotations, as a reader runs brainlib, which must refuse or take the arguments itself."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


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


@pytest.fixture
def with_threads():
    """Calls a function under one thread of torch and under two; it must leave their number alone."""
    before = torch.get_num_threads()

    def call(function):
        found = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(function())
            assert torch.get_num_threads() == threads
        return found

    yield call
    torch.set_num_threads(before)


@pytest.fixture
def patched_once(monkeypatch):
    """Makes kernels of many small functions quick: for each function called in a kernel Triton's interpreter patches
    its language again, which takes most of the time; here for the first of a module only.
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
