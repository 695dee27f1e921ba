"""Checkpoints on disk: a file each, `folder/step-00000120.pt`, written whole or not at all.

A file holds what `torch.save` makes of a dict: what the run is and what it measured so far, model, optimizer, how far
the data were read, what is carried, and the random generators. Loading one runs no code.

It is written beside its final place, flushed to the disk, and renamed; what a killed process left behind has another
name and is never read.
"""

import io
import os
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

KEPT = 2


class CheckpointError(ValueError):
    """A checkpoint that is damaged or belongs to another run; the message names the file and the reason.

    >>> issubclass(CheckpointError, ValueError)
    True
    """


def save(folder: Path, step: int, content: dict[str, Any]) -> None:
    """Writes `content` as `folder/step-...` and then removes all but the newest two."""
    final = folder / f"step-{step:08d}.pt"
    unfinished = folder / f".writing-{final.name}"
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(content, unfinished)
    _flush(unfinished)
    os.replace(unfinished, final)
    _flush(folder)
    for old in finished(folder)[:-KEPT]:
        old.unlink()


def finished(folder: Path) -> list[Path]:
    """The checkpoints in `folder`, oldest first."""
    return sorted(folder.glob("step-*.pt"), key=lambda path: (len(path.name), path.name))


def load_newest(folder: Path, device: torch.device) -> dict[str, Any] | None:
    """The newest checkpoint in `folder`, or None if there is none. Removes what a killed process left half written.

    Raises `CheckpointError` if it is damaged, and says which older one is there; it never takes that one by itself.
    """
    for path in folder.glob(".writing-step-*.pt"):
        path.unlink()
    paths = finished(folder)
    if not paths:
        return None
    try:
        return load(paths[-1], device)
    except CheckpointError as error:
        older = f"go on from the older {paths[-2]}" if len(paths) > 1 else "start anew (there is no older one)"
        raise CheckpointError(f"{error}. To {older}, remove {paths[-1]}") from error


def load(path: Path, device: str | torch.device = "cpu") -> dict[str, Any]:
    """The content of the file `path`; tensors that were on an accelerator go to `device`.

    Raises `CheckpointError` if it is damaged.
    """

    def placed(storage: Any, place: str) -> Any:
        return None if place == "cpu" else storage.to(device=device)

    try:
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():  # torch leaves the checksums unread
                raise ValueError(f"{damaged} is not what was written")
        with safe_globals(named_tuples(path)):
            return torch.load(path, placed, weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{path}: cannot be read ({error})") from error


def named_tuples(file: Path | io.BytesIO) -> list[Any]:
    """The classes in a checkpoint, among those loaded already: it never makes Python import.

    Raises `ValueError` for one that is not loaded, or no NamedTuple.
    """
    classes = []
    for address in get_unsafe_globals_in_checkpoint(file):
        module, _, name = address.rpartition(".")
        found: Any = getattr(sys.modules.get(module), name, None)
        if not (isinstance(found, type) and issubclass(found, tuple) and hasattr(found, "_fields")):
            raise ValueError(f"{address} is not loaded in this program, or is no NamedTuple")
        classes.append(found)
    return classes


def require_storable(state: Any) -> None:
    """Raises `ValueError` for a state that `load` would not give back."""
    file = io.BytesIO()
    try:
        torch.save(state, file)
        file.seek(0)
        named_tuples(file)
    except (AttributeError, ValueError, pickle.PicklingError) as error:
        raise ValueError(f"state: {error}, expected NamedTuples that stand at the top level of a module") from error


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
