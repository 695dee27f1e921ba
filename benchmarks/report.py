"""What benchmarks print and keep, and the environment of the processes that they time."""

import json
from pathlib import Path

ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "NUMBA", "OPENBLAS")}


def show(record: dict[str, dict], path: Path | None) -> None:
    """Prints every part of a record, and writes it to `path` if there is one."""
    for part, results in record.items():
        print(part)
        for what, value in results.items():
            print(f"    {what:44s} {value:12.6g}" if isinstance(value, float) else f"    {what}: {value}")
    if path:
        path.write_text(json.dumps(record, indent=1) + "\n")
