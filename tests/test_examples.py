"""What the READMEs and the docstrings show runs as it stands."""

import doctest
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONGEST = 15  # lines of a quick start
READMES = "README.md", "brainlib/README.md"


def blocks() -> list:
    found = []
    for name in READMES:
        for place, block in enumerate(re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(), re.DOTALL)):
            found.append(pytest.param(block, id=f"{name}-{place}"))
    return found


@pytest.mark.parametrize("block", blocks())
def test_a_quick_start_runs_and_is_short(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len([line for line in block.splitlines() if line.strip()]) < LONGEST
    exec(compile(block, "README", "exec"), {"__name__": "readme"})


def with_examples() -> list[str]:
    files = (path for path in (ROOT / "brainlib").rglob("*.py") if ">>> " in path.read_text())
    return sorted(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in files)


@pytest.mark.parametrize("name", with_examples())
def test_the_examples_of_a_module_are_true(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert tried and not failed
