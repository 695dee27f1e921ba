"""Kills training runs, starts them again, and compares the end with an uninterrupted run.

A program of its own: it forks a process a run before torch has started any thread, so that a run costs no import.
Its argument is a scratch folder.
"""

import os
import signal
import sys
from pathlib import Path

import torch
import tqdm.auto  # noqa: F401 (so that no run has to)
from tiny_run import assert_same_run, tiny_train

from brainlib.training import checkpoint

torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], fused=True).zero_grad()  # imports what the first one imports
TRAPS = [  # what a checkpoint is written by, and before which call a run is killed
    (torch, "save", 2), (torch, "save", 5), (os, "fsync", 1), (os, "fsync", 4), (os, "replace", 1), (os, "replace", 4),
    (Path, "unlink", 1), (Path, "unlink", 2),
]  # fmt: skip


def set_trap(owner, name: str, left: int) -> None:
    """Lets this process die before call `left` of a function; of `torch.save` with half of the file on the disk."""
    original = getattr(owner, name)

    def trap(*arguments):
        nonlocal left
        left -= 1
        if left == 0:
            if name == "save":
                original(*arguments)
                os.truncate(arguments[1], arguments[1].stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments)

    setattr(owner, name, trap)


def run(folder: Path, *trap) -> int:
    """One attempt in a process of its own; its exit status, negative if it was killed."""
    child = os.fork()
    if child == 0:
        if trap:
            set_trap(*trap)
        try:
            tiny_train(folder)  # four checkpoints, two of which are removed
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(scratch: Path) -> None:
    assert run(scratch / "whole") == 0
    for owner, name, number in TRAPS:
        folder, place = scratch / f"{name}{number}", f"{name} {number}"
        assert run(folder, owner, name, number) == -signal.SIGKILL, place
        for path in checkpoint.finished(folder):
            checkpoint.load(path)  # raises if it is half of one
        assert run(folder) == 0, f"{place}: could not go on"
        assert_same_run(folder, scratch / "whole")
        assert not any(path.name.startswith(".") for path in folder.iterdir()), place


if __name__ == "__main__":
    main(Path(sys.argv[1]))
