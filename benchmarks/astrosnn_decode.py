"""The cost of one more byte, and the size of what is remembered, against the length of the text before it.

    python -m benchmarks.astrosnn_decode [--threads 1] [--tokens 200] [--record astrosnn_decode.json]

AstroSNN and a transformer with a cache of keys and values, of equal parameters, read the same random bytes up to each
context and then `tokens` more, one `step` at a time; printed are medians. They take turns of fifty steps, of which the
first ten are not counted: they bring back to the processor what the other's long reads threw out of its caches. The
transformer's cache is written in place and read where it lies, so a step copies none of it. `flat` is the largest over
the smallest of a column.
"""

import argparse
import statistics
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.report import show
from brainlib.astrosnn import AstroSNN, AstroSNNConfig, AstroSNNState, matched
from brainlib.backend import keep_freed_memory, provenance

CONTEXTS = 256, 1024, 4096, 16384, 65536
PIECE = 256  # bytes read at once on the way
TURN, UNCOUNTED = 50, 10  # steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--record", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    keep_freed_memory()
    ours = AstroSNNConfig(layers=arguments.layers, dim=arguments.dim)
    configs = {"AstroSNN": ours, "transformer": matched(replace(ours, feedforward="gelu"), "attention")}
    record = {"made": provenance()} | compare(configs, arguments.tokens)
    show(record, arguments.record)


@torch.no_grad()
def compare(configs: dict[str, AstroSNNConfig], count: int) -> dict[str, dict]:
    models = {name: AstroSNN(config).eval() for name, config in configs.items()}
    states: dict[str, AstroSNNState | None] = dict.fromkeys(models)
    columns = {name: {"parameters": float(configs[name].parameters)} for name in models}
    text, read = torch.randint(256, (1, CONTEXTS[-1] + count)), 0
    for context in CONTEXTS:
        for piece in text[:, read:context].split(PIECE, dim=1):
            for name, model in models.items():
                states[name] = model(piece, state=states[name])[2]
        read = context
        for name, seconds in steps(models, states, text[0, context : context + count]).items():
            columns[name][f"ms a byte after {context}"] = 1e3 * seconds
            columns[name][f"megabytes after {context}"] = 4e-6 * models[name].state_size(context)
    for column in columns.values():
        for what in ("ms a byte", "megabytes"):
            values = [value for name, value in column.items() if name.startswith(what)]
            column[f"flat: {what}"] = max(values) / min(values)
    return columns


def steps(models: dict[str, AstroSNN], states: dict[str, AstroSNNState], text: Tensor) -> dict[str, float]:
    """Median seconds a step."""
    now, seconds = dict(states), {name: [] for name in models}
    for turn in text.split(TURN):
        for name, model in models.items():
            for number, token in enumerate(turn.split(1)):
                start = time.perf_counter()
                _, now[name] = model.step(token, now[name])
                if number >= UNCOUNTED:
                    seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in seconds.items()}


if __name__ == "__main__":
    main()
