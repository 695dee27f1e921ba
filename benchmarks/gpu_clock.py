"""Times by the GPU's own clock, for the parts of benchmarks.gpu."""

import statistics
from collections.abc import Callable

import torch


def captured(run: Callable[[], object]) -> Callable[[], object]:
    """The same work as a CUDA graph that is replayed."""
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):  # what is compiled and allocated once, before the capture
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph.replay


def milliseconds(run: Callable[[], object], repeats: int = 30) -> float:
    """The median of `repeats` runs by the GPU's own clock, after three that compile and tune."""
    for _ in range(3):
        run()
    times = []
    for _ in range(repeats):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    return statistics.median(times)
