"""The house: light imports, small files, kept arrows, pinned packages, named extras, and a Makefile that tells."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from process import told

from book.builder import sources
from brainlib.extras import extra

ROOT = Path(__file__).parents[1]
HEAVY = "plotly ipywidgets IPython numba triton papermill pooch matplotlib pandas nbformat requests h5py scipy"


PACKAGES = "data training exercises explore runs baselines ledger sampling astrosnn bdh brainstates timescales"


def test_importing_is_light():
    """What all of them together do not load, none of them loads."""
    modules = ", ".join(f"brainlib.{package}" for package in PACKAGES.split())
    code = f"import sys; import torch; before = set(sys.modules); import {modules}; print(*(set(sys.modules) - before))"
    assert not {name.partition(".")[0] for name in told(code).split()} & {*HEAVY.split()}


def test_no_file_of_brainlib_is_long():
    lengths = {path: len(path.read_text().splitlines()) for path in (ROOT / "brainlib").rglob("*.py")}
    assert not {str(path): length for path, length in lengths.items() if length > 400}


def test_no_notebook_holds_outputs():
    for chapter in sources.chapters(ROOT):
        sources.check_stripped(ROOT, chapter)


def test_ruff_finds_nothing():
    command = [sys.executable, "-m", "ruff", "check", "--no-cache"]
    for what in (["."], ["--config", "pyproject.toml", *map(str, ROOT.glob("chapters/*/*.py"))]):
        done = subprocess.run([*command, *what], capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_types_of_what_users_import_are_right():
    pytest.importorskip("mypy")
    done = subprocess.run([sys.executable, "-m", "mypy"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_arrows_are_kept():
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_part_beside_its_chapters_imports_no_other_part():
    parts = {path.parent.name for path in ROOT.glob("chapters/*/claims.toml")}
    foreign = []
    for path in ROOT.glob("chapters/*/*.py"):
        named = re.findall(r"^\s*(?:from|import) (?:chapters|brainlib)\.(\w+)", path.read_text(), re.MULTILINE)
        named += re.findall(r"^\s*from (?:chapters|brainlib) import (.+)", path.read_text(), re.MULTILINE)
        others = parts - {path.parent.name}
        foreign += [f"{path}: {name}" for line in named for name in re.findall(r"\w+", line) if name in others]
        assert "import book" not in path.read_text() and "from book" not in path.read_text(), path
    assert not foreign


def pins() -> dict[str, str]:
    """The names in requirements.txt, normalised, with their versions."""
    lines = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    parts = [re.fullmatch(r"([\w.-]+)==([\w.]+)(; .*)?", line).groups() for line in lines]
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version, _ in parts}


def test_everything_that_is_needed_is_pinned_and_nothing_is_bound_from_above():
    extras = PROJECT["optional-dependencies"]
    pinned = pins()
    wanted = [*PROJECT["dependencies"], *extras["book"], *extras["lab"], *extras["notebook"], *extras["test"]]
    for requirement in wanted:
        if requirement == "brainlib[notebook]":
            continue
        name, bound = re.match(r"([\w.-]+)(.*)", requirement).groups()
        assert name.lower() in pinned, requirement
        assert bound.startswith(">=") and ("<" not in bound or name in ("jupyter-book", "kaleido")), requirement
    assert (pinned["torch"], pinned["jupyter-book"]) == ("2.13.0", "1.0.4.post1")
    assert not {name for name in pinned if name.startswith("nvidia-")}


def make(folder: Path, **variables: str) -> subprocess.CompletedProcess:
    """Runs make for the environment in a copy of the Makefile, with nothing on the path but the tools it may use."""
    for name in ("Makefile", "requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    tools = folder / "tools"
    tools.mkdir()
    for tool in ("sh", "echo", "touch"):
        (tools / tool).symlink_to(shutil.which(tool))
    command = [shutil.which("make"), ".venv/bin/python", *(f"{name}={value}" for name, value in variables.items())]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=os.environ | {"PATH": str(tools)})


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_make_says_that_python_is_missing(tmp_path):
    done = make(tmp_path)
    assert done.returncode and "No Python 3.11, 3.12 or 3.13 among: python3.13 python3.12" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_make_says_that_the_venv_module_is_missing(tmp_path):
    python = script(tmp_path / "bare", 'case "$2" in *ensurepip*) exit 1;; esac')
    done = make(tmp_path, PYTHON=str(python))
    assert done.returncode and "bare lacks the venv module" in done.stderr


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def packages(requirements: list[str]) -> set[str]:
    """The packages as they are imported."""
    return {re.match(r"[\w.-]+", requirement).group().lower().replace("-", "_") for requirement in requirements}


def imported(tree: ast.AST, around: str | None = None):
    """Each imported package with the extra that is named around its import; what only a type checker sees is not."""
    if isinstance(tree, ast.If) and "TYPE_CHECKING" in ast.unparse(tree.test):
        return
    if isinstance(tree, ast.With) and (named := re.fullmatch(r"extra\('(\w+)'\)", ast.unparse(tree.items[0]))):
        around = named.group(1)
    if isinstance(tree, ast.Import):
        yield from ((alias.name.partition(".")[0].lower(), around) for alias in tree.names)
    if isinstance(tree, ast.ImportFrom) and not tree.level:
        yield tree.module.partition(".")[0].lower(), around
    for child in ast.iter_child_nodes(tree):
        yield from imported(child, around)


def test_each_import_of_what_an_extra_brings_names_the_extra():
    always = {name.lower() for name in sys.stdlib_module_names} | packages(PROJECT["dependencies"])
    always |= {"brainlib", "llvmlite", "ipython"}  # numba's own, and what displays a figure
    extras = PROJECT["optional-dependencies"]
    for path in sorted((ROOT / "brainlib").rglob("*.py")):
        if "triton" in path.parts or path.name == "triton.py":
            continue  # kernels for a GPU, whose PyTorch brings Triton
        found = list(imported(ast.parse(path.read_text())))
        named = {package for package, around in found if around and package in packages(extras[around])}
        assert {package for package, _ in found} - always <= named, path


def test_what_is_missing_is_told_with_its_extra():
    message = r"^nowhere is not installed: in the book's folder, pip install '\.\[notebook\]' brings it$"
    with pytest.raises(ModuleNotFoundError, match=message), extra("notebook"):
        import nowhere  # noqa: F401
