"""A compiled loop on several threads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch


def in_threads(loop: Callable, tasks: np.ndarray, *arguments) -> None:
    """loop(tasks, *arguments), the tasks shared among as many threads as torch has.

    The loop is compiled without numba's `parallel`, which takes three times as long to compile, and holds no GIL.
    """
    threads = min(torch.get_num_threads(), len(tasks))
    if threads == 1:
        loop(tasks, *arguments)
        return
    with ThreadPoolExecutor(threads) as pool:
        for share in [pool.submit(loop, np.ascontiguousarray(tasks[k::threads]), *arguments) for k in range(threads)]:
            share.result()
