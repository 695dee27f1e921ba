"""A compiled loop on several threads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch


def in_threads(loop: Callable, tasks: int, *arguments) -> None:
    """loop(which, *arguments) for `which` from 0 to tasks, shared among as many threads as torch has.

    The loop is compiled without numba's `parallel`, which takes three times as long to compile, and holds no GIL.
    """
    threads = min(torch.get_num_threads(), tasks)
    if threads == 1:
        loop(np.arange(tasks), *arguments)
        return
    with ThreadPoolExecutor(threads) as pool:
        for share in [pool.submit(loop, np.arange(k, tasks, threads), *arguments) for k in range(threads)]:
            share.result()
