"""An experiment in a package of its own, as a user has it, and a folder of results."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

EXPERIMENT = '''\
"""Counts up to a size in steps that are kept in the folder of checkpoints."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy
import torch

from laboratory import rates


@dataclass(frozen=True)
class Settings:
    size: int
    trace: str
    waits: bool = False


def count(settings, seed, *, device, folder):
    with open(settings.trace, "a") as file:
        file.write(f"{settings.size}-{seed} ")
    saved = folder / "step" if folder else None
    first = int(saved.read_text()) if saved and saved.is_file() else 0
    if saved:
        saved.write_text(str(settings.size))
    if settings.waits and not Path(settings.trace + ".pid").exists():
        Path(settings.trace + ".pid").write_text(str(os.getpid()))
        time.sleep(600)
    if settings.size == 13:
        raise ArithmeticError("thirteen")
    generator = torch.Generator().manual_seed(seed)
    return {
        "tensor": torch.rand(settings.size, generator=generator),
        "nested": {"array": numpy.arange(settings.size), "pair": (settings.size * rates.RATE, None)},
        "first": first,
        "number": numpy.float64(0.1) * seed,
    }
'''


@pytest.fixture
def laboratory(tmp_path, monkeypatch) -> ModuleType:
    """The module `laboratory.counting`."""
    folder = tmp_path / "code" / "laboratory"
    folder.mkdir(parents=True)
    (folder / "counting.py").write_text(EXPERIMENT)
    (folder / "rates.py").write_text("RATE = 2\n")
    (folder / "unrelated.py").write_text("")
    monkeypatch.syspath_prepend(str(folder.parent))
    monkeypatch.setenv("PYTHONPATH", str(folder.parent))
    monkeypatch.setenv("BRAINLIB_RUNS", str(tmp_path / "runs"))
    for name in ("BRAINLIB_SCHEDULER", "BRAINLIB_PROCESSES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("brainlib.runs.code.BEGAN", float("inf"))  # the files are newer than this process
    yield importlib.import_module("laboratory.counting")
    for name in [name for name in sys.modules if name.partition(".")[0] == "laboratory"]:
        del sys.modules[name]


@pytest.fixture
def trace(tmp_path) -> Path:
    """Where the experiment notes what it computes."""
    (tmp_path / "trace").touch()
    return tmp_path / "trace"
