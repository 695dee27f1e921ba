"""Checkpoints on disk: a safetensors file each, `folder/step-00000120.safetensors`, written whole or not at all.

Its tensors are called `model/...` (parameters and buffers), `optimizer/...` (AdamW's moments and step counts),
`batches/...` (how far the data were read), `state/...` (what is carried) and `generator/...`; its metadata hold as JSON
what the run is and what it measured so far, and a hash of all.

A file is written beside its final place, flushed to the disk, and renamed; what a killed process left behind has
another name and is never read.
"""

import hashlib
import json
import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

KEPT = 2


class CheckpointError(ValueError):
    """A checkpoint that is damaged or belongs to another run; the message names the file and the reason.

    >>> issubclass(CheckpointError, ValueError)
    True
    """


@dataclass(frozen=True)
class Checkpoint:
    """`progress` is JSON; `tensors` maps a kind, such as "model", to its named tensors."""

    progress: dict[str, Any]
    tensors: dict[str, dict[str, Tensor]]


def save(folder: Path, step: int, checkpoint: Checkpoint) -> None:
    """Writes `checkpoint` as `folder/step-...` and then removes all but the newest two."""
    final = folder / f"step-{step:08d}.safetensors"
    unfinished = folder / f".writing-{final.name}"
    # Copies, because two names may share one tensor (tied weights), and a file holds each on its own.
    tensors = {
        f"{kind}/{name}": tensor.detach().to("cpu", copy=True).contiguous()
        for kind, named in checkpoint.tensors.items()
        for name, tensor in named.items()
    }
    progress = json.dumps(checkpoint.progress, allow_nan=False)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, unfinished, {"progress": progress, "sha256": _hash(progress, tensors)})
    _flush(unfinished)
    os.replace(unfinished, final)
    _flush(folder)
    for old in finished(folder)[:-KEPT]:
        old.unlink()


def finished(folder: Path) -> list[Path]:
    """The checkpoints in `folder`, oldest first."""
    return sorted(folder.glob("step-*.safetensors"), key=lambda path: (len(path.name), path.name))


def load_newest(folder: Path) -> Checkpoint | None:
    """The newest checkpoint in `folder`, or None if there is none. Removes what a killed process left half written.

    Raises `CheckpointError` if it is damaged, and says which older one is there; it never takes that one by itself.
    """
    if not folder.is_dir():
        return None
    for path in folder.glob(".writing-step-*.safetensors"):
        path.unlink()
    paths = finished(folder)
    if not paths:
        return None
    try:
        return load(paths[-1])
    except CheckpointError as error:
        older = f"go on from the older {paths[-2]}" if len(paths) > 1 else "start anew (there is no older one)"
        raise CheckpointError(f"{error}. To {older}, remove {paths[-1]}") from error


def load(path: Path) -> Checkpoint:
    """The checkpoint in the file `path`. Raises `CheckpointError` if it is damaged."""
    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        raise CheckpointError(f"{path}: cannot be read ({error})") from error
    if "progress" not in about or about.get("sha256") != _hash(about["progress"], tensors):
        raise CheckpointError(f"{path}: is damaged, its content is not what was written")
    kinds: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for name, tensor in tensors.items():
        kind, _, own = name.partition("/")
        kinds[kind][own] = tensor
    return Checkpoint(json.loads(about["progress"]), kinds)


def _hash(progress: str, tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256(progress.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\0".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
