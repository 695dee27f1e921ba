"""What benchmarks time, print and keep, and the environment of the processes that they time.

Nothing here needs more than Python: other interpreters import it too.
"""

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "NUMBA", "OPENBLAS")} | {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
}


def seconds(call: Callable[[], object], times: int) -> list[float]:
    """Of each of so many runs."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return taken


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Of everything that was measured in each round."""
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


def show(record: dict[str, dict], path: Path | None) -> None:
    """Prints every part of a record, and writes it to `path` if there is one."""
    for part, results in record.items():
        print(part)
        for what, value in results.items():
            print(f"    {what:44s} {value:12.6g}" if isinstance(value, float) else f"    {what}: {value}")
    if path:
        path.write_text(json.dumps(record, indent=1) + "\n")
