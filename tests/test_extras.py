"""Packages that only an extra brings: each import of one names that extra, and the message says how to get it."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from brainlib.extras import extra

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def names(requirements: list[str]) -> set[str]:
    """The packages as they are imported."""
    return {re.match(r"[\w.-]+", requirement).group().lower().replace("-", "_") for requirement in requirements}


def imports(tree: ast.AST, around: str | None = None):
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
        yield from imports(child, around)


def test_each_import_of_what_an_extra_brings_names_the_extra():
    always = {name.lower() for name in sys.stdlib_module_names} | names(PROJECT["dependencies"])
    always |= {"brainlib", "llvmlite", "ipython"}  # numba's own, and what displays a figure
    extras = PROJECT["optional-dependencies"]
    for path in sorted((ROOT / "brainlib").rglob("*.py")):
        if "triton" in path.parts or path.name == "triton.py":
            continue  # kernels for a GPU, whose PyTorch brings Triton
        found = list(imports(ast.parse(path.read_text())))
        named = {package for package, around in found if around and package in names(extras[around])}
        assert {package for package, _ in found} - always <= named, path


def test_what_is_missing_is_told_with_its_extra():
    message = r"^nowhere is not installed: in the book's folder, pip install '\.\[notebook\]' brings it$"
    with pytest.raises(ModuleNotFoundError, match=message), extra("notebook"):
        import nowhere  # noqa: F401


def test_a_call_without_the_notebook_extra_tells_it():
    code = """
import sys, torch, numpy
hidden = {"plotly", "ipywidgets", "networkx", "scipy", "h5py"}
sys.meta_path.insert(0, type("Hidden", (), {"find_spec": staticmethod(lambda name, *_: raising(name))}))
def raising(name):
    if name.partition(".")[0] in hidden:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
from brainlib import explore
from brainlib.bdh.anatomy.wiring import communities, fit_tail
from brainlib.explore.controls import read_grid
from brainlib.explore.live import view
for call in (
    explore.use_template,
    lambda: explore.show(1, name="a", caption="b", alt="c"),
    lambda: view(None, read_grid({"a": [1, 2]}), None),
    lambda: communities(torch.tensor([[0, 1]]), 2),
    lambda: fit_tail(torch.arange(1, 200)),
):
    try:
        call()
    except ModuleNotFoundError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    told = re.findall(r"^([\w.]+) is not installed: .* pip install '\.\[notebook\]' brings it$", done.stdout, re.M)
    assert [name.partition(".")[0] for name in told] == ["plotly", "plotly", "ipywidgets", "networkx", "scipy"]
