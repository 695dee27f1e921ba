"""Packages that only an extra brings: each import of one names that extra, and the message says how to get it."""

import ast
import re
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
