"""Checkpoints on disk: a directory each, written whole or not at all.

    folder/step-00000120/model.safetensors       parameters and buffers
                         optimizer.safetensors   AdamW's two moments and step counts
                         batches.safetensors     how far the data were read
                         state.safetensors       random number generators and carried state
                         progress.json           what the run is, and what it measured so far
                         manifest.json           format, size and SHA-256 of every other file

A directory is filled beside its final place, flushed to the disk, and renamed; what a killed process left behind has
another name and is never read.
"""

import hashlib
import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

FORMAT = 2
KEPT = 2
_FINISHED = re.compile(r"step-\d{8,}")
_UNFINISHED = re.compile(r"\.(writing|removing)-step-\d{8,}")


class CheckpointError(ValueError):
    """A checkpoint that is damaged or belongs to another run; the message names the file and the reason."""


@dataclass(frozen=True)
class Checkpoint:
    """`progress` is JSON; `tensors` maps a file's stem to its named tensors."""

    progress: dict[str, Any]
    tensors: dict[str, dict[str, Tensor]]


def save(folder: Path, step: int, checkpoint: Checkpoint) -> None:
    """Writes `checkpoint` as `folder/step-...` and then removes all but the newest two."""
    final = folder / f"step-{step:08d}"
    temporary = folder / f".writing-{final.name}"
    clean(folder)
    temporary.mkdir()
    for stem, tensors in checkpoint.tensors.items():
        _write_tensors(temporary / f"{stem}.safetensors", tensors)
    _write_json(temporary / "progress.json", checkpoint.progress)
    files = {path.name: _fingerprint(path) for path in sorted(temporary.iterdir())}
    _write_json(temporary / "manifest.json", {"format": FORMAT, "files": files})
    _flush(temporary)
    os.replace(temporary, final)
    _flush(folder)
    for old in finished(folder)[:-KEPT]:
        os.replace(old, folder / f".removing-{old.name}")
    clean(folder)


def finished(folder: Path) -> list[Path]:
    """The checkpoints in `folder`, oldest first."""
    found = [path for path in folder.iterdir() if _FINISHED.fullmatch(path.name) and path.is_dir()]
    return sorted(found, key=lambda path: int(path.name.removeprefix("step-")))


def clean(folder: Path) -> None:
    """Removes what a killed process left half written or half removed."""
    for path in folder.iterdir():
        if _UNFINISHED.fullmatch(path.name) and path.is_dir():
            shutil.rmtree(path)


def load_newest(folder: Path) -> Checkpoint | None:
    """The newest checkpoint in `folder`, or None if there is none.

    Raises `CheckpointError` if it is damaged, and says which older one is there; it never takes that one by itself.
    """
    paths = finished(folder)
    if not paths:
        return None
    try:
        return load(paths[-1])
    except CheckpointError as error:
        older = f"go on from the older {paths[-2]}" if len(paths) > 1 else "start anew (there is no older one)"
        raise CheckpointError(f"{error}. To {older}, remove {paths[-1]}") from error


def load(path: Path) -> Checkpoint:
    """The checkpoint in the directory `path`. Raises `CheckpointError` if it is damaged."""
    manifest = _read_json(path / "manifest.json")
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise CheckpointError(f"{path / 'manifest.json'}: is not the manifest of a checkpoint")
    if manifest.get("format") != FORMAT:
        raise CheckpointError(f"{path / 'manifest.json'}: has format {manifest.get('format')!r}, expected {FORMAT}")
    for name, expected in manifest["files"].items():
        _verify(path / name, expected)
    progress = _read_json(path / "progress.json")
    files = [path / name for name in manifest["files"] if name.endswith(".safetensors")]
    return Checkpoint(progress, {file.stem: _read_tensors(file) for file in files})


def _verify(path: Path, expected: Any) -> None:
    if not path.is_file():
        raise CheckpointError(f"{path}: is missing")
    found = _fingerprint(path)
    if found != expected:
        raise CheckpointError(f"{path}: is damaged (it has {found}, the manifest says {expected})")


def _fingerprint(path: Path) -> dict[str, int | str]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    # Copies, because two names may share one tensor (tied weights), and a file holds each on its own.
    save_file({name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}, path)
    _flush(path)


def _read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        return {name: tensor.clone() for name, tensor in load_file(path).items()}
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be read ({error})") from error


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, allow_nan=False), encoding="utf-8")
    _flush(path)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: cannot be read ({error})") from error


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
