"""What numba compiles: computed where nothing can be written, and compiled anew when a file it is made of changes."""

import functools
import shutil
from pathlib import Path

import process
import pytest

BRAINLIB = Path(__file__).parents[1] / "brainlib"


told = functools.partial(process.told, NUMBA_CACHE_DIR="", PYTHONDONTWRITEBYTECODE="1")


def test_everything_that_is_compiled_goes_through_one_door():
    sources = {path: path.read_text() for path in BRAINLIB.rglob("*.py")}
    assert [path.name for path, text in sources.items() if "numba.njit" in text or "from numba import" in text] == [
        "jit.py"
    ]
    assert sum("from brainlib.jit import njit" in text for text in sources.values()) >= 3


def test_without_a_place_to_write_it_computes(tmp_path):
    shutil.copytree(BRAINLIB, tmp_path / "brainlib", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in {path.parent for path in (tmp_path / "brainlib").rglob("*.py")}:
        (folder / "__pycache__").touch()  # a file: no folder can be made, not even by root
    modules = [
        ".".join(path.relative_to(tmp_path).with_suffix("").parts)
        for path in (tmp_path / "brainlib").rglob("*.py")
        if "from brainlib.jit import njit" in path.read_text()
    ]
    program = f"""
import importlib
for module in {modules}:
    importlib.import_module(module)
import brainlib
import numpy as np
from brainlib.brainstates.kernels.cpu import _log_sum
print(brainlib.__file__, _log_sum(np.zeros(4)), _log_sum.stats.cache_path)
"""
    where, value, cache = told(program, tmp_path, HOME="/proc/none", XDG_CACHE_HOME="/proc/none").split()
    assert where.startswith(str(tmp_path)) and cache == "None"
    assert float(value) == pytest.approx(1.3862943611)


def test_what_is_compiled_sees_a_change_of_any_file_that_it_is_made_of(tmp_path):
    package = tmp_path / "brainlib"
    package.mkdir()
    shutil.copy(BRAINLIB / "jit.py", package)
    (package / "__init__.py").touch()
    (package / "constants.py").write_text("ONE = 1\n")
    (package / "helper.py").write_text("from brainlib.constants import ONE\nSUM = 1 + ONE\n")
    kernel = "from brainlib import helper\nfrom brainlib.jit import njit\nSUM = helper.SUM\n\n\n"
    (package / "kernel.py").write_text(kernel + "@njit()\ndef add(x):\n    return x + SUM\n")
    program = "from brainlib.kernel import add; print(add(1), sum(add.stats.cache_hits.values()))"
    assert told(program, tmp_path) == "3 0\n"
    assert told(program, tmp_path) == "3 1\n"
    (package / "constants.py").write_text("ONE = 5\n")
    assert told(program, tmp_path) == "7 0\n"
    factory = """from brainlib.jit import njit
@njit()
def one(x):
    return x + 1
@njit()
def two(x):
    return x + 2
def made_of(step):
    @njit()
    def inner(x):
        return [step(x) for _ in range(x)][-1]  # a loop: it is called, not copied into its caller
    @njit()
    def run(x):
        return inner(x)
    return run
"""
    (package / "factory.py").write_text(factory)
    program = "from brainlib.factory import *; f, g = made_of(one), made_of(two); print({})"
    assert told(program.format("f(1)"), tmp_path) == "2\n"
    assert told(program.format("g(1)"), tmp_path) == "3\n"
    hits = "sum(f.stats.cache_hits.values()), sum(g.stats.cache_hits.values())"
    assert told(program.format(f"f(1), g(1), {hits}"), tmp_path) == "2 3 1 1\n"


def test_two_threads_under_the_layer_that_is_not_safe():
    program = """
import threading
import numba
import torch
from brainlib.astrosnn.kernels.lif import lif_scan
current = torch.randn(16, 100, 512)
lif_scan(current, time_dim=1)
found = [None, None]
def compute(place):
    for _ in range(40):
        found[place] = lif_scan(current, time_dim=1)[0]
threads = [threading.Thread(target=compute, args=(place,)) for place in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(numba.threading_layer(), torch.equal(*found))
"""
    assert told(program, BRAINLIB.parent, NUMBA_THREADING_LAYER="workqueue") == "workqueue True\n"
