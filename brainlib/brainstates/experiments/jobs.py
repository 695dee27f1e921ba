"""Many small fits, two at a time, each finished one kept on disk: what the experiments of chapter 2 run on."""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

Job = Callable[[], dict[str, Any]]
PROCESSES = 2


def finish(
    name: str, jobs: Mapping[str, Job], folder: str | Path | None = None, progress: bool = True
) -> dict[str, Any]:
    """What every job returns, by its key and in the order of `jobs`: plain JSON.

    What is finished is kept in `folder` as `name`-key.json, so that an interrupted run goes on there. Where torch has
    several threads two jobs run at a time, in processes of their own with half of the threads each; then they must be
    functions of a module, such as `functools.partial` of one. `progress` shows a bar that says what runs. Used in
    chapters/brainstates/02_priors.ipynb.
    """
    from tqdm.auto import tqdm

    done = {key: json.loads(path.read_text()) for key in jobs if (path := _path(folder, name, key)) and path.is_file()}
    waiting = {key: job for key, job in jobs.items() if key not in done}
    with tqdm(total=len(jobs), initial=len(done), desc=name, disable=not progress, leave=False) as bar:

        def keep(key: str, result: dict[str, Any]) -> None:
            done[key] = result
            if path := _path(folder, name, key):
                path.parent.mkdir(parents=True, exist_ok=True)
                unfinished = path.with_suffix(".part")
                unfinished.write_text(json.dumps(result, allow_nan=False))
                unfinished.replace(path)
            bar.update()

        threads = torch.get_num_threads()
        if threads == 1 or len(waiting) < 2:
            for key, job in waiting.items():
                bar.set_postfix_str(key)
                keep(key, job())
        else:
            context = get_context("spawn")
            with ProcessPoolExecutor(PROCESSES, context, torch.set_num_threads, (threads // PROCESSES,)) as pool:
                running = {pool.submit(job): key for key, job in waiting.items()}
                for finished in as_completed(running):
                    bar.set_postfix_str(f"{running[finished]} is done")
                    keep(running[finished], finished.result())
    return {key: done[key] for key in jobs}


def _path(folder: str | Path | None, name: str, key: str) -> Path | None:
    return folder and Path(folder).expanduser() / f"{name}-{key}.json".replace(" ", "-")
