"""Results on disk: numbers, texts and small arrays under the hash of everything that they depend on."""

import dataclasses
import fcntl
import hashlib
import json
import numbers
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

DAYS_KEPT = 60  # since a result was last read
_ARRAY = "__array__"
_FACTS = "__facts__"


def home() -> Path:
    """The folder of all results: the builder's, or one in the user's cache."""
    if folder := os.environ.get("BRAINLIB_RUNS"):
        return Path(folder)
    import pooch

    return Path(pooch.os_cache("brainlib"), "runs")


def key(facts: Mapping[str, Any]) -> str:
    """A hash of plain JSON."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def plain(name: str, value: Any) -> Any:
    """Settings as plain JSON, a dataclass with the name of its class; raises `ValueError` with `name` for others."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        kind = type(value)
        return {f"{kind.__module__}.{kind.__qualname__}": plain(name, fields)}
    if isinstance(value, Mapping):
        return {str(own): plain(f"{name}.{own}", inner) for own, inner in value.items()}
    if isinstance(value, tuple | list | range | np.ndarray):
        return [plain(name, inner) for inner in value]
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return repr(float(value))
    raise ValueError(f"{name}: got {type(value).__name__}, expected settings of numbers, texts and dataclasses")


def pack(result: Any) -> tuple[Any, dict[str, np.ndarray]]:
    """A result as plain JSON and the arrays that it names; tensors become arrays, tuples lists.

    Raises `ValueError` with the place in the result for what is neither.
    """
    arrays: dict[str, np.ndarray] = {}

    def packed(value: Any, place: str) -> Any:
        if isinstance(value, torch.Tensor):
            value = value.detach().cpu().numpy()
        if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
            arrays[place] = value
            return {_ARRAY: place}
        if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
            return {name: packed(inner, f"{place}.{name}") for name, inner in value.items()}
        if isinstance(value, tuple | list):
            return [packed(inner, f"{place}.{number}") for number, inner in enumerate(value)]
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, str | bool | int | float):
            return value
        raise ValueError(f"{place}: got {type(value).__name__}, expected numbers, texts, arrays, lists and mappings")

    return packed(result, "result"), arrays


def unpack(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """What `pack` was given, from what it gave."""
    if isinstance(value, dict):
        if set(value) == {_ARRAY}:
            return arrays[value[_ARRAY]]
        return {name: unpack(inner, arrays) for name, inner in value.items()}
    return [unpack(inner, arrays) for inner in value] if isinstance(value, list) else value


def read(path: Path) -> Any:
    """The result in a file, or None where there is none or a broken one."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in kept.files}
        content = json.loads(arrays.pop(_FACTS).tobytes())["result"]
        os.utime(path)
        return unpack(content, arrays)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def write(path: Path, packed: tuple[Any, dict[str, np.ndarray]], facts: Mapping[str, Any]) -> None:
    """Writes a packed result with the facts about it, whole or not at all: one file of NumPy's npz format."""
    content, arrays = packed
    text = json.dumps({**facts, "result": content}).encode()
    entries: dict[str, Any] = {_FACTS: np.frombuffer(text, dtype=np.uint8), **arrays}
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".unfinished-", delete=False) as file:
        try:
            np.savez(file, **entries)
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def forget_old() -> None:
    """Removes results that were not read for a long time."""
    for old in home().iterdir():
        if old.stat().st_mtime < time.time() - DAYS_KEPT * 86_400:
            shutil.rmtree(old) if old.is_dir() else old.unlink(missing_ok=True)


@contextmanager
def working(path: Path) -> Iterator[Path | None]:
    """The folder beside `path` for a unit's checkpoints, held alone: who comes second waits for the first.

    It is removed once `path` is there. None where nothing can be written.
    """
    work = path.with_suffix(".running")
    try:
        work.mkdir(parents=True, exist_ok=True)
        lock = path.with_suffix(".lock").open("w")
    except OSError:
        yield None
        return
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        work.mkdir(exist_ok=True)
        yield work
        if path.exists():
            shutil.rmtree(work, ignore_errors=True)
        Path(lock.name).unlink(missing_ok=True)
