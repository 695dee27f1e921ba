"""What others compute the same with, in an interpreter of its own: a benchmark asks its `Peers`, their program serves.

A question is a line with a peer, a folder of arrays and how often to run; the answer is a line with what was measured,
or a string that says what is missing. What else a peer found it leaves in the folder. The program needs neither
brainlib nor torch for it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from benchmarks.report import ONE_THREAD


class Peers:
    """A process of another interpreter, with one thread, that computes when it is asked to."""

    def __init__(self, python: str, program: str, **environment: str):
        self.missing: dict[str, str] = {}
        self.process = subprocess.Popen(
            [python, "-m", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=os.environ | ONE_THREAD | environment,
        )  # fmt: skip

    def ask(self, peer: str, folder: str, times: int) -> Any:
        """What it measured; None, and a note in `missing`, if the interpreter lacks it."""
        print(json.dumps([peer, folder, times]), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{peer}: {self.process.args[0]} ended with {self.process.wait()}")
        answer = json.loads(line)
        if isinstance(answer, str):
            self.missing[peer] = answer
            return None
        return answer

    def left_out(self) -> dict[str, str]:
        """The missing, as a record names them."""
        return {f"{peer} left out": why for peer, why in self.missing.items()}

    def __enter__(self) -> "Peers":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        self.process.wait()


def serve(answer: Callable[[str, str, int], Any]) -> None:
    """In the other interpreter: answers every question."""
    for line in sys.stdin:
        try:
            found = answer(*json.loads(line))
        except ImportError as error:
            found = str(error)
        print(json.dumps(found), flush=True)
