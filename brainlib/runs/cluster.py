"""A study on the workers of a Dask scheduler: functions go by name, results come back to the caller.

A worker is started where brainlib and the function's module are installed as they are for the caller, one task at a
time: `dask worker tcp://host:8786 --nthreads 1`, or by dask_jobqueue's `SLURMCluster(cores=1, processes=1, ...)`.
"""

import logging
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from brainlib.extras import extra
from brainlib.runs.units import Unit, machine

PATIENCE = 60  # seconds without any worker


@contextmanager
def connected(address: str | None) -> Iterator[Any]:
    """A client of the scheduler at `address`, None without one; raises `RuntimeError` where no worker answers."""
    if address is None:
        yield None
        return
    with extra("cluster"):
        import distributed
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # it tells tracebacks where a line is enough
    try:
        client = distributed.Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise RuntimeError(f"no Dask scheduler answers at {address} ({error or type(error).__name__})") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            raise RuntimeError(f"the Dask scheduler at {address} has had no worker for {PATIENCE} s") from None
        yield client


def facts(client: Any, function: Callable, device: str) -> dict[str, Any]:
    """What results of the workers are to depend on: the caller's code and versions, and the first worker's device."""
    first = next(iter(client.run(machine, function, device).values()))
    return machine(function, "cpu") | {"device": first["device"], "fresh": True}


def computed(client: Any, waiting: dict[int, Unit]) -> Iterator[tuple[int, Any]]:
    """The packed results, in the order in which they are ready; the scheduler gives a dead worker's units to others."""
    import distributed

    # As bytes: a scheduler reads what it hands on, and need not know the experiment.
    futures = {client.submit(_run, pickle.dumps(unit), pure=False): number for number, unit in waiting.items()}
    ready = distributed.as_completed(futures, timeout=None)
    try:
        for future in ready:
            try:
                yield futures[future], future.result()
            except distributed.KilledWorker:
                raise RuntimeError(f"each worker that computed {waiting[futures[future]].words} died") from None
    finally:
        client.cancel(list(futures))


def _run(pickled: bytes) -> Any:
    """On a worker; raises `RuntimeError` unless its code, versions and device are the planned ones."""
    unit = pickle.loads(pickled)
    there = machine(unit.function, unit.device)
    for name, fact in there.items():
        if fact != unit.facts[name]:
            raise RuntimeError(f"a worker's {name} is {fact}, expected {unit.facts[name]}")
    return unit.run()
