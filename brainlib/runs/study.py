"""`study`: an experiment for every condition and seed, each computed once, side by side."""

import multiprocessing
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any, SupportsIndex

import torch

from brainlib import backend
from brainlib.arguments import whole_number
from brainlib.progress import progress_bar
from brainlib.runs import cluster, store
from brainlib.runs.units import Unit, machine

RETRIES = 2  # after the death of a process


def study(
    function: Callable[..., Mapping[str, Any]],
    conditions: Mapping[str, Any],
    seeds: Iterable[SupportsIndex],
    *,
    device: str = "auto",
    processes: int | None = None,
    scheduler: str | None = None,
    progress: bool = True,
) -> dict[str, list[dict[str, Any]]]:
    """What `function(settings, seed, device=..., folder=...)` returns for each condition and seed, in their order.

    - `function` belongs to a module. It returns numbers, texts, arrays and tensors in lists and mappings with keys of
      text; they come back as such, tensors as NumPy arrays. `folder` is its own for checkpoints (None where nothing can
      be written): a unit that was interrupted finds there what it wrote, and the folder goes when the unit is done.
    - `conditions` are settings by name: numbers, texts, tuples, frozen dataclasses.
    - A result is kept under a hash of function, settings, seed, versions, kind of device, and of the code that the
      function's module imports from brainlib and from its own package. Code that was changed after this process began
      is computed but not kept, with a warning.
    - `processes`: so many units at a time, each on one thread; by default BRAINLIB_PROCESSES, else one a core on a
      CPU and one on a GPU. `scheduler`: the address of a Dask scheduler whose workers compute instead, by default
      BRAINLIB_SCHEDULER; they need brainlib and the function's module as they are here, but no shared folder. Units
      of a process or a worker that dies are tried again.

    Raises `ValueError` for arguments that make no sense, what `function` raises with a note of condition and seed, and
    `RuntimeError` for a unit whose processes die again and again. What was finished is kept.

    >>> from chapters.part import lesions  # doctest: +SKIP
    >>> found = study(lesions.lesion, {"small": lesions.Lesion(units=8)}, seeds=range(2))  # doctest: +SKIP
    >>> [result["accuracy"] for result in found["small"]]  # doctest: +SKIP
    [0.91, 0.93]
    >>> study(len, {}, seeds=[-1])
    Traceback (most recent call last):
    ValueError: seeds: got -1, expected a whole number of at least 0
    """
    numbers = [whole_number("seeds", seed, least=0) for seed in seeds]
    backend.resolve_device(device)
    scheduler = scheduler or os.environ.get("BRAINLIB_SCHEDULER")
    with cluster.connected(scheduler) as client:
        facts = cluster.facts(client, function, device) if client else machine(function, device)
        units = [
            Unit.planned(function, name, settings, seed, device, facts)
            for name, settings in conditions.items()
            for seed in numbers
        ]
        if not facts["fresh"]:
            warnings.warn(
                f"{function.__module__} or what it imports has changed: restart to keep results", stacklevel=2
            )
        packed = {
            number: store.pack(known)
            for number, unit in enumerate(units)
            if facts["fresh"] and (known := store.read(unit.path)) is not None
        }
        waiting = {number: unit for number, unit in enumerate(units) if number not in packed}
        with progress_bar(function.__name__, "run", len(units), len(packed), shown=progress and bool(waiting)) as bar:
            for number, result in _computed(waiting, client, _at_once(processes, facts["device"]), bar):
                packed[number] = result
                bar.update()
    results = [store.unpack(*packed[number]) for number in range(len(units))]
    return {name: results[place * len(numbers) :][: len(numbers)] for place, name in enumerate(conditions)}


def _computed(waiting: dict[int, Unit], client: Any, at_once: int, bar: Any) -> Iterator[tuple[int, Any]]:
    if client:
        for number, packed in cluster.computed(client, waiting):
            waiting[number].keep(packed)  # here as well
            yield number, packed
    elif at_once > 1 and len(waiting) > 1:
        yield from _in_processes(dict(waiting), at_once)
    else:
        for number, unit in waiting.items():
            bar.set_postfix_str(unit.words)
            yield number, unit.run()


def _in_processes(waiting: dict[int, Unit], at_once: int) -> Iterator[tuple[int, Any]]:
    """A process that dies takes the others of its pool with it: what was not done is given to a new pool."""
    for _ in range(1 + RETRIES):
        others = set(multiprocessing.active_children())
        pool = ProcessPoolExecutor(
            min(at_once, len(waiting)), multiprocessing.get_context("spawn"), torch.set_num_threads, (1,)
        )
        try:
            futures = {pool.submit(unit.run): number for number, unit in waiting.items()}
            for future in as_completed(futures):
                yield futures[future], future.result()
                del waiting[futures[future]]
            pool.shutdown()
            return
        except BrokenProcessPool:
            pool.shutdown(cancel_futures=True)
        except BaseException:  # an interrupt too: nothing goes on behind the caller's back
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            pool.shutdown(cancel_futures=True)
            raise
    left = "; ".join(unit.words for unit in waiting.values())
    raise RuntimeError(f"processes died {1 + RETRIES} times; not computed: {left}")


def _at_once(processes: int | None, device: str) -> int:
    if processes is None and (given := os.environ.get("BRAINLIB_PROCESSES")):
        processes = int(given)
    if processes is None:
        return len(os.sched_getaffinity(0)) if device == "cpu" and hasattr(os, "sched_getaffinity") else 1
    return whole_number("processes", processes, least=1)
