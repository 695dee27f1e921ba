"""A study on the workers of a Dask scheduler: functions go by name, results come back to the caller."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from brainlib.extras import extra
from brainlib.runs.units import Unit, machine

PATIENCE = 60  # seconds without any worker


@contextmanager
def connected(address: str | None) -> Iterator[Any]:
    """A client of the scheduler at `address`, None without one; raises `ValueError` where none answers."""
    if address is None:
        yield None
        return
    with extra("cluster"):
        import distributed
    try:
        client = distributed.Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise ValueError(f"scheduler: none answers at {address} ({error or type(error).__name__})") from None
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
        yield client
    except TimeoutError:
        raise RuntimeError(f"the Dask scheduler at {address} has had no worker for {PATIENCE} s") from None
    finally:
        client.close(timeout=5)


def facts(client: Any, function: Callable, device: str) -> dict[str, Any]:
    """What a result depends on there; raises `RuntimeError` if the workers differ or have other code than the caller."""
    said = client.run(machine, function, device)
    here = machine(function, device)["code"]
    first = next(iter(said.values()))
    for worker, other in said.items():
        if other["code"] != here:
            raise RuntimeError(f"the worker {worker} has other code of {function.__module__} than this process")
        if other != first:
            raise RuntimeError(f"the worker {worker} differs from the others: {other}, not {first}")
    return first


def computed(client: Any, waiting: dict[int, Unit], retries: int) -> Iterator[tuple[int, Any]]:
    """The packed results, in the order in which they are ready."""
    import distributed

    futures = {
        client.submit(_run, unit, key=f"{unit.name}-{unit.seed}-{id(waiting):x}-{number}", retries=0): number
        for number, unit in waiting.items()
    }
    try:
        for future in distributed.as_completed(futures):
            try:
                yield futures[future], future.result()
            except distributed.KilledWorker:
                raise RuntimeError(f"each worker that ran {waiting[futures[future]].words} died") from None
    finally:
        client.cancel(list(futures))


def _run(unit: Unit) -> Any:
    """On a worker that joined later, code and versions may differ."""
    there = machine(unit.function, unit.device)
    expected = {name: unit.facts[name] for name in there}
    if there != expected:
        raise RuntimeError(f"a worker differs from the first: {there}, not {expected}")
    return unit.run()
