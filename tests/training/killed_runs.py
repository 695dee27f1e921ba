"""Kills training runs, starts them again, and compares the end with an uninterrupted run.

A program of its own: it forks a process a run before torch has started any thread, so that a run costs no import.
Arguments: a scratch folder, and before how many lines of the checkpoint module a run is killed.
"""

import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import torch
import tqdm.auto  # noqa: F401 (so that no run has to)
from tiny_run import tiny_train

from brainlib.training import checkpoint

torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], fused=True).zero_grad()  # imports what the first one imports
LINES = 700  # of the checkpoint module that a run comes to, about


def at_line(left: int) -> None:
    """Lets this process die before line `left` of the checkpoint module that it comes to."""

    def trace(frame, event, _):
        nonlocal left
        if frame.f_code.co_filename != checkpoint.__file__:
            return None
        left -= event == "line"
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)


def half_written(left: int) -> None:
    """Lets this process die with half of the bytes of tensor file `left` on the disk."""
    original = checkpoint.save_file

    def torn(tensors, path, about):
        nonlocal left
        left -= 1
        original(tensors, path, about)
        if left == 0:
            os.truncate(path, path.stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    checkpoint.save_file = torn


def run(folder: Path, trap: Callable[[int], None] | None = None, number: int = 0) -> int:
    """One attempt in a process of its own; its exit status, negative if it was killed."""
    child = os.fork()
    if child == 0:
        if trap is not None:
            trap(number)
        try:
            tiny_train(folder, steps=12, checkpoint_every=3)  # four checkpoints, two of which are removed
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def end_of(folder: Path) -> tuple[dict, dict]:
    """All that the last checkpoint holds, but for the time the run took."""
    last = checkpoint.load(checkpoint.finished(folder)[-1])
    del last.progress["history"]["seconds"]
    return last.progress, {(kind, name): t for kind, part in last.tensors.items() for name, t in part.items()}


def main(scratch: Path, count: int) -> None:
    assert run(scratch / "whole") == 0
    progress, tensors = end_of(scratch / "whole")
    traps = [(at_line, line) for line in random.Random(0).sample(range(1, LINES), count)]
    traps += [(half_written, number) for number in range(1, 5)]
    killed = unfinished = 0
    for trap, number in traps:
        folder, place = scratch / f"{trap.__name__}{number}", f"{trap.__name__} {number}"
        killed += run(folder, trap, number) == -signal.SIGKILL
        unfinished += any(path.name.startswith(".") for path in folder.glob("*"))
        for path in checkpoint.finished(folder) if folder.exists() else []:
            checkpoint.load(path)  # raises if it is half of one
        assert run(folder) == 0, f"{place}: could not go on"
        again, found = end_of(folder)
        assert again == progress and found.keys() == tensors.keys(), place
        assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items()), place
        assert not any(path.name.startswith(".") for path in folder.iterdir()), place
    assert killed >= count, "the kill points have moved out of the run"
    assert unfinished >= 3, "too few kills fell into the writing of a checkpoint"


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
