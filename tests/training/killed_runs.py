"""Kills training runs, starts them again, and compares the end with an uninterrupted run. Prints a report as JSON.

A program of its own: it forks a process a run before torch has started any thread, so that a run costs no import.
Arguments: a scratch folder, and how many kill points of each kind.
"""

import json
import os
import random
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
import tqdm.auto  # noqa: F401 (so that no run has to)
from tiny_run import tiny_train

from brainlib.training import checkpoint

torch.optim.AdamW(
    [torch.nn.Parameter(torch.zeros(1))], fused=True
).zero_grad()  # imports what the first optimiser imports
CONFIG = {"steps": 12, "checkpoint_every": 3}  # four checkpoints, two of which are removed
LINES = 700  # of the checkpoint module that a run comes to, about


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def at_line(number: int) -> Callable[[], None]:
    """Dies before line `number` of the checkpoint module that the run comes to."""

    def trap() -> None:
        left = number

        def trace(frame, event, _):
            nonlocal left
            if frame.f_code.co_filename != checkpoint.__file__:
                return None
            if event == "line":
                left -= 1
                if left == 0:
                    die()
            return trace

        sys.settrace(trace)

    return trap


def half_written(number: int) -> Callable[[], None]:
    """Dies with half of the bytes of tensor file `number` on the disk."""

    def trap() -> None:
        original, left = checkpoint.save_file, number

        def torn(tensors, path, about):
            nonlocal left
            left -= 1
            original(tensors, path, about)
            if left == 0:
                os.truncate(path, path.stat().st_size // 2)
                die()

        checkpoint.save_file = torn

    return trap


def after_seconds(seconds: float) -> Callable[[], None]:
    def trap() -> None:
        threading.Thread(target=lambda: (time.sleep(seconds), die()), daemon=True).start()

    return trap


def run(folder: Path, trap: Callable[[], None] | None) -> int:
    """One attempt in a process of its own; its exit status, negative if it was killed."""
    child = os.fork()
    if child == 0:
        try:
            if trap is not None:
                trap()
            tiny_train(folder, **CONFIG)
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def end_of(folder: Path) -> tuple[dict, dict]:
    """All that the last checkpoint holds, but for the time the run took."""
    last = checkpoint.load(checkpoint.finished(folder)[-1])
    del last.progress["history"]["seconds"]
    return last.progress, last.tensors


def differences(end: tuple[dict, dict], reference: tuple[dict, dict]) -> Iterator[str]:
    if end[0] != reference[0]:
        yield "progress"
    for kind, tensors in reference[1].items():
        for name, tensor in tensors.items():
            if not torch.equal(end[1][kind][name], tensor):
                yield f"{kind}/{name}"


def kill_points(count: int, seconds: float, lines: int, random_source: random.Random) -> Iterator[tuple[str, Callable]]:
    for number in random_source.sample(range(1, lines), count):
        yield f"line {number}", at_line(number)
    for number in range(1, 5):
        yield f"half of file {number}", half_written(number)
    for _ in range(count // 2):
        delay = random_source.uniform(0.0, seconds)
        yield f"after {delay:.4f} s", after_seconds(delay)


def main(scratch: Path, count: int) -> None:
    random_source = random.Random(0)
    start = time.perf_counter()
    assert run(scratch / "whole", None) == 0
    seconds = time.perf_counter() - start
    reference = end_of(scratch / "whole")
    report = {"killed": 0, "unfinished": 0, "wrong": []}
    for index, (name, trap) in enumerate(kill_points(count, seconds, LINES, random_source)):
        folder = scratch / str(index)
        report["killed"] += run(folder, trap) == -signal.SIGKILL
        report["unfinished"] += any(path.name.startswith(".") for path in folder.glob("*"))
        for path in checkpoint.finished(folder) if folder.exists() else []:
            checkpoint.load(path)  # raises if it is half of one
        if run(folder, None) != 0:
            report["wrong"].append(f"{name}: could not go on")
            continue
        found = list(differences(end_of(folder), reference))
        left = [path.name for path in folder.iterdir() if path.name.startswith(".")]
        if found or left:
            report["wrong"].append(f"{name}: differs in {found}, left {left}")
        shutil.rmtree(folder)
    print(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
