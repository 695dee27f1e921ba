"""Functions compiled by numba, with a cache on the disk that sees every file that they are made of.

numba's own looks at the file of the function alone, and is an error where no folder can be written.
"""

import ast
import contextlib
import functools
import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path

import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile

_ROOT = Path(__file__).parent


def njit(**options) -> Callable[[Callable], Callable]:
    """`numba.njit` with these options, cached where a folder can be written; elsewhere each process compiles anew."""

    def decorate(function: Callable) -> Callable:
        function = inspect.unwrap(function)  # from under the tests' check of annotations
        if function.__closure__:
            function.__qualname__ += f"_{_digest(repr(_made_of(function)))}"
        compiled = numba.njit(**options)(function)
        with contextlib.suppress(RuntimeError):  # no folder
            compiled._cache = _Cache(function)
        return compiled

    return decorate


class _File(IndexDataCacheFile):
    """Machine code in files named after what they hold: numba numbers them, and two processes that compile at once
    would write theirs under one number."""

    def save(self, key, data) -> None:
        overloads = self._load_index()
        name = _digest(f"{key!r} {self._source_stamp}")
        overloads[key] = f"{self._index_name.removesuffix('.nbi')}.{name}.nbc"
        self._save_data(overloads[key], data)
        self._save_index(overloads)


class _Cache(FunctionCache):
    def __init__(self, function: Callable):
        super().__init__(function)
        stamp = sources_hash(Path(function.__code__.co_filename))
        self._cache_file = _File(self._cache_path, self._impl.filename_base, stamp)

    def _index_key(self, signature, codegen):  # numba's own takes compiled functions for others in each process
        return signature, codegen.magic_tuple()

    def save_overload(self, *found) -> None:
        with contextlib.suppress(OSError):  # a full disk
            super().save_overload(*found)


def _made_of(function: Callable) -> tuple:
    """The compiled functions, by name, and numbers that a factory made it of.

    Part of its own name, which is that of its cache file and of its machine code: two of one name that come from two
    processes' files would be taken for one.
    """
    parts = (cell.cell_contents for cell in function.__closure__ or ())
    functions = (getattr(part, "py_func", part) for part in parts)
    return tuple((f.__module__, f.__qualname__) if callable(f) else f for f in functions)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@functools.cache
def sources_hash(path: Path) -> str:
    """The hash of the file at `path`, and of all of brainlib that it imports, directly or not."""
    seen, left = set(), [path]
    while left:
        path = left.pop()
        if path not in seen and path.is_file():
            seen.add(path)
            left += _imported(ast.parse(path.read_bytes()))
    return hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in sorted(seen))).hexdigest()


def _imported(tree: ast.Module) -> list[Path]:
    """Where what is imported may lie; brainlib's imports name the whole path."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    places = [_ROOT.joinpath(*name.split(".")[1:]) for name in names if name.partition(".")[0] == _ROOT.name]
    return [file for place in places for file in (place.with_suffix(".py"), place / "__init__.py")]
