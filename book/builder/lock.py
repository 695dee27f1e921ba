"""One build a folder: the second one waits and says for whom."""

import datetime
import fcntl
import json
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = Path("_build", "lock")


@contextmanager
def held(root: Path) -> Iterator[int]:
    """Holds the folder's lock and gives its file descriptor; while another build has it, waits, after a line about it.

    A worker that inherits the descriptor keeps the lock until it has ended, whatever becomes of the builder.
    """
    path = root / LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for {_holder(path)}", file=sys.stderr, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        _sign(file)
        try:
            yield file.fileno()
        finally:
            _blank(file)


def _sign(file) -> None:
    command = " ".join(shlex.join(sys.orig_argv).split())[:200]
    since = datetime.datetime.now().isoformat(" ", "seconds")
    _blank(file, json.dumps({"process": os.getpid(), "command": command, "since": since}))


def _blank(file, text: str = "") -> None:
    try:
        file.truncate(0)
        file.write(text)
        file.flush()
    except OSError:  # on a full disk the lock is held all the same
        pass


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return (
            f"another build of this folder: process {holder['process']} ({holder['command']}), since {holder['since']}"
        )
    except (OSError, ValueError, KeyError):
        return f"another build of this folder, which holds {path}"
