"""The part `language` of benchmarks.gpu: the unit, neurons without astrocytes and a transformer of 3.5 million weights.

- `training step`: milliseconds of forward, loss, backward and AdamW, each contestant alone on the card;
- `runs`: what became of every contestant at every learning rate and seed, trained side by side, a process each, on the
  King James Bible; `tuned` is the loss on the end of the held-out text, by which the rate is to be chosen.

    python -m benchmarks.gpu_language CONTESTANT RATE SEED      # one run, as JSON
"""

import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from itertools import product
from pathlib import Path

import torch

from benchmarks.gpu_clock import milliseconds
from brainlib.astrosnn import AstroSNNConfig
from brainlib.astrosnn.experiments import language as experiment
from brainlib.astrosnn.experiments.contestants import contestant

STUDY = experiment.Study(
    text="verses",
    frame=AstroSNNConfig(layers=4, dim=256, heads=4),
    length=512,
    batch=32,
    steps=1_000,
    contestants=("AM-SU", "PLIF", "transformer, GELU"),
    contexts=tuple(2**power for power in range(3, 13)),
    judged=50_000,
)
RATES = 1e-3, 3e-3
SEEDS = 0, 1


def language(record: dict) -> dict:
    results = {"study": str(STUDY), "training step": {name: step(name) for name in STUDY.contestants}, "runs": []}
    torch.cuda.empty_cache()
    jobs = list(product(STUDY.contestants, RATES, SEEDS))
    with ThreadPoolExecutor(len(jobs)) as together:
        for future in as_completed(together.submit(apart, *job) for job in jobs):
            results["runs"].append(future.result())
            print(json.dumps(results["runs"][-1]), flush=True)
    return results


def step(name: str) -> float:
    model = experiment.untrained(contestant(STUDY.frame, name), device="cuda")
    optimizer = torch.optim.AdamW(model.parameters())
    tokens, targets = torch.randint(256, (2, STUDY.batch, STUDY.length), device="cuda")

    def run() -> None:
        optimizer.zero_grad()
        model(tokens, targets, carry=False)[1].backward()
        optimizer.step()

    return milliseconds(run)


def apart(name: str, rate: float, seed: int) -> dict:
    """One run in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.gpu_language", name, str(rate), str(seed)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def run(name: str, rate: float, seed: int) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        tuned = experiment.tune(STUDY, name, (rate,), seed, "cuda", place)[rate]
        _, result = experiment.compete(STUDY, name, rate, seed, "cuda", place)
    return {"seed": seed, "tuned": tuned} | asdict(result)


if __name__ == "__main__":
    contestant_name, learning_rate, number = sys.argv[1:]
    print(json.dumps(run(contestant_name, float(learning_rate), int(number))))
