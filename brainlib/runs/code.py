"""The code that a function can reach: the files it comes from, and a hash of them."""

import ast
import functools
import hashlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import brainlib

BEGAN = time.time()  # a file that was changed later may not be what this process has imported


def reached(function: Callable) -> dict[str, Path]:
    """The files of brainlib and of the function's own package that its module imports, directly or not, by module.

    Imports within functions count, and those by a name that is made there: then all that lies beside the file does.
    Packages of others do not. Files that a package ships in a folder `files` belong
    to it. Raises `ValueError` for a function that was not defined in a module's file.
    """
    module = sys.modules.get(function.__module__)
    path = getattr(module, "__file__", None)
    if function.__module__ == "__main__" or path is None or "<" in function.__qualname__:
        raise ValueError(f"function: got {function.__qualname__}, expected a function of a module that can be imported")
    top, *rest = function.__module__.split(".")
    base = Path(path).parents[len(rest) + (Path(path).name == "__init__.py")]
    homes = {"brainlib": Path(brainlib.__file__).parents[1], top: base}
    found: dict[str, Path] = {}
    waiting = [function.__module__]
    while waiting:
        name = waiting.pop()
        for file in _files(homes, name):
            own = ".".join(file.relative_to(homes[name.partition(".")[0]]).with_suffix("").parts)
            if own not in found:
                found[own] = file
                waiting += _imported(file, own, file.stat().st_mtime_ns) if file.suffix == ".py" else []
    return found


def digest(function: Callable) -> tuple[str, bool]:
    """A hash of all that the function can reach, and whether none of it was changed since this process began.

    Of Python what is run counts: comments, docstrings and line breaks may change without a result being lost.
    """
    total, fresh = hashlib.sha256(), True
    for name, path in sorted(reached(function).items()):
        total.update(f"{name}\0".encode() + _content(path, path.stat().st_mtime_ns))
        fresh = fresh and path.stat().st_ctime < BEGAN
    return total.hexdigest(), fresh


@functools.lru_cache(4096)
def _content(path: Path, changed: int) -> bytes:
    """A hash of what a file says, of Python without its texts that nobody reads."""
    content = path.read_bytes()
    if path.suffix == ".py":
        tree = ast.parse(content)
        for node in ast.walk(tree):
            if isinstance(body := getattr(node, "body", None), list):
                vars(node)["body"] = [one for one in body if not _text(one)]
        content = ast.dump(tree).encode()
    return hashlib.sha256(content).digest()


def _text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _files(homes: dict[str, Path], name: str) -> Iterator[Path]:
    """The files behind a module's name and the packages around it; none for what is not ours."""
    top, *rest = name.split(".")
    if top not in homes:
        return
    folder = homes[top]
    for part in (top, *rest):
        if (single := folder / f"{part}.py").is_file():
            yield single
            return
        folder = folder / part
        if (package := folder / "__init__.py").is_file():
            yield package
            yield from (path for path in sorted((folder / "files").rglob("*")) if path.is_file())


@functools.lru_cache(4096)
def _imported(path: Path, name: str, changed: int) -> list[str]:
    """The modules that a file imports; `from a import b` may name a module `a.b`."""
    package = name.removesuffix(".__init__") if path.name == "__init__.py" else name.rpartition(".")[0]
    names = []
    content = path.read_bytes()
    if b"import_module" in content:  # by a name that is made there: all that lies beside it may be meant
        beside = (other.relative_to(path.parent).with_suffix("").parts for other in path.parent.rglob("*.py"))
        names += [".".join([package, *parts]).removesuffix(".__init__") for parts in beside]
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            whole = ".".join([*above, *filter(None, [node.module])])
            names += [whole, *(f"{whole}.{alias.name}" for alias in node.names)]
    return names
