"""How far the chapters are: bars on a terminal; elsewhere a line when one starts and one when it ends."""

import sys
import threading
from pathlib import Path

from tqdm import tqdm


class Progress:
    """Tells standard error what runs; `expected` is the seconds that each chapter will take, where known."""

    def __init__(self, expected: dict[Path, float]):
        self._expected = expected
        self._bars: dict[Path, tqdm] = {}
        self._lock = threading.Lock()
        self._terminal = sys.stderr.isatty()

    def started(self, chapter: Path) -> None:
        expected = self._expected.get(chapter)
        if not self._terminal:
            self.say(f"{chapter}: started" + (f", about {expected:.0f} s expected" if expected else ""))
            return
        with self._lock:
            taken = {bar.pos for bar in self._bars.values()}
            free = next(number for number in range(len(taken) + 1) if -number not in taken)
            self._bars[chapter] = tqdm(desc=str(chapter), position=free, leave=False, unit="cell")

    def cell(self, chapter: Path, cell: int, of: int) -> None:
        if bar := self._bars.get(chapter):
            bar.total = of
            bar.update(cell - bar.n)

    def ended(self, chapter: Path, line: str) -> None:
        with self._lock:
            if bar := self._bars.pop(chapter, None):
                bar.close()
        self.say(line)

    def say(self, line: str) -> None:
        tqdm.write(line, file=sys.stderr)
        sys.stderr.flush()
