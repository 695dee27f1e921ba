"""BDH beside a GPT at equal parameters and bytes, and at equal operations or seconds: the paper's Figure 7, made small.

Parameters are counted without embedding and readout (one matrix in a GPT, two in a BDH): in the paper's models they are
half a percent, in a small one they could be half of all.

A Dragon Hatchling grows by its neurons alone, as in the paper, the GPT by its width, at fixed depth; the learning rate
of either is tuned at every size. Both read the same random crops of one text, and carry nothing from crop to crop.
"""

import math
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from brainlib import data, runs
from brainlib.baselines import GPTConfig
from brainlib.bdh import BDHConfig
from chapters.bdh import shakespeare
from chapters.bdh.experiments import Experiment, fit, new_model, schedule
from chapters.bdh.tuning import search

Config = BDHConfig | GPTConfig

FAMILIES = "BDH", "GPT", "GPT, equal operations", "GPT, equal seconds"
TUNING = 1000  # the seed on which rates are tuned and steps are timed, used for nothing else
CLOCKED_STEPS, CLOCKED_ROUNDS = 4, 11  # of the rounds the first is not counted


@dataclass(frozen=True)
class Scaling:
    """Pairs of a BDH and a GPT, the smallest first, and how each of them is trained; `networks` of each in a run.

    Products in bfloat16 make a BDH faster and a small GPT slower: each has what is faster for it.
    """

    pairs: tuple[tuple[BDHConfig, GPTConfig], ...]
    rates: tuple[float, ...]
    steps: int
    networks: int
    batch: int = 8
    length: int = 128
    text: str = "nine plays"
    held_out: int | None = None
    gpt_precision: str = "float32"

    def seeds(self, seed: int) -> range:
        """Those of the networks in one run of a chapter."""
        return range(seed * self.networks, (seed + 1) * self.networks)

    def experiment(self, model: Config, rate: float, steps: int | None = None) -> Experiment:
        precision = "auto" if isinstance(model, BDHConfig) else self.gpt_precision
        training = schedule(steps or self.steps, rate, evaluate_every=None, precision=precision)
        return Experiment(model, training, self.batch, self.length, self.text, self.held_out)


def parameters(config: Config) -> int:
    """Without embedding and readout."""
    return config.parameters - (2 if isinstance(config, BDHConfig) else 1) * config.vocab * config.dim


def pair(neurons: int, width: int, layers: int = 4, dim: int = 48) -> tuple[BDHConfig, GPTConfig]:
    """A BDH, and a GPT of as many layers and heads whose hidden width makes it as large."""
    bdh = BDHConfig(layers=layers, dim=dim, heads=4, neurons=neurons, dropout=0.0)
    thin = GPTConfig(layers=layers, dim=width, heads=4, hidden=1, memory=128)
    hidden = 1 + round((parameters(bdh) - parameters(thin)) / (2 * layers * width))
    return bdh, replace(thin, hidden=hidden)


def full_size(neurons: int, layers: int, dim: int, heads: int, dropout: float) -> tuple[BDHConfig, GPTConfig]:
    """A row of the paper's Tables 4 and 5; its GPTs grow in depth as well."""
    gpt = GPTConfig(layers=layers, dim=dim, heads=heads, dropout=dropout, memory=512)
    return BDHConfig(layers=8, neurons=neurons), gpt


SCALINGS = {
    "ci": Scaling((pair(128, 20), pair(512, 40)), (4e-3, 1.6e-2, 6.4e-2), 30, networks=2, length=64, held_out=8_000),
    "laptop": Scaling(
        (pair(128, 20), pair(384, 36), pair(1024, 56), pair(2560, 88)),
        (1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2),
        steps=600,
        networks=5,
    ),
    "paper": Scaling(
        (full_size(2**15, 9, 480, 5, 0.01), full_size(2**16, 12, 576, 6, 0.02), full_size(2**17, 15, 768, 8, 0.02)),
        (2.5e-4, 5e-4, 1e-3, 2e-3, 4e-3),
        steps=3000,
        networks=5,
        batch=32,
        length=512,
        text="tiny Shakespeare",
        gpt_precision="auto",
    ),
}


def learn(experiment: Experiment, seed: int, *, device: str = "auto", folder: Path | None = None) -> dict[str, Any]:
    """The loss on held-out text in nats a byte, in windows that begin without synapses or keys, after training: on its
    first half, for tuning, and on its second, which judges."""
    text, held_out = shakespeare.read(experiment)
    size = {"length": experiment.length, "batch": experiment.batch}
    crops = data.RandomCrops(text, **size, seed=seed)
    model = new_model(experiment.model, seed, device)
    tuning, judging = held_out[: experiment.held_out].tensor_split(2)
    evaluate = partial(shakespeare.held_out_loss, text=judging, **size)
    found = fit(model, crops, experiment, seed, folder, evaluate, return_state=False)
    loss = found["history"]["evaluations"][-1][1]
    return {"tuning": shakespeare.held_out_loss(model, tuning, **size), "loss": loss}


def attempt(experiment: Experiment, seed: int, *, device: str = "auto", folder: Path | None = None) -> dict[str, Any]:
    """For tuning: `learn`, where numbers that overflow are no error but an infinite loss."""
    try:
        return learn(experiment, seed, device=device, folder=folder)
    except FloatingPointError:
        return {"tuning": math.inf}


def seconds_a_step(
    pair: tuple[Experiment, Experiment], seed: int, *, device: str = "auto", folder: Path | None = None
) -> dict[str, list[float]]:
    """Medians of a training step of the two, on this machine, in turns."""

    def clock(experiment: Experiment) -> float:
        crops = data.RandomCrops(shakespeare.read(experiment)[0], experiment.batch, experiment.length, seed)
        training = replace(experiment.training, steps=CLOCKED_STEPS, warmup_steps=0)
        model, short = new_model(experiment.model, seed, device), replace(experiment, training=training)
        return fit(model, crops, short, seed, None, return_state=False)["history"]["seconds"] / CLOCKED_STEPS

    times = [[clock(experiment) for experiment in pair] for _ in range(CLOCKED_ROUNDS)]
    return {"seconds": np.median(times[1:], axis=0).tolist()}


def operations(config: Config, length: int) -> int:
    """Floating-point operations of one token's forward pass, a multiplication and an addition being two; attention
    reaches on average over half of `length` tokens.

    A BDH passes every layer through 6 n d for its three matrices, and 2 (n + heads d) for each token attended to; a
    GPT's token passes its own weights once, and 4 dim for each token attended to.
    """
    if isinstance(config, BDHConfig):
        layer = 6 * config.neurons * config.dim + length * (config.neurons + config.heads * config.dim)
    else:
        layer = 8 * config.dim**2 + 4 * config.dim * config.hidden + 2 * length * config.dim
    return config.layers * layer + 2 * config.dim * config.vocab


def tune(plan: Scaling, model: Config, device: str = "auto") -> dict[float, float]:
    """Loss on the first half of the held-out text by learning rate, after a whole run."""
    return search(attempt, partial(plan.experiment, model), plan.rates, TUNING, device)


def best_rate(tried: dict[float, float]) -> float:
    return min(tried, key=tried.__getitem__)


def tune_all(plan: Scaling, device: str = "auto") -> pd.DataFrame:
    """What was tried: a row for each family, size and rate."""
    return pd.DataFrame(
        {"family": family, "parameters": parameters(pair[0]), "rate": rate, "loss": loss}
        for pair in plan.pairs
        for family, model in zip(("BDH", "GPT"), pair, strict=True)
        for rate, loss in tune(plan, model, device).items()
    )


def compare(plan: Scaling, seed: int = 0, device: str = "auto") -> pd.DataFrame:
    """A row for each model: both families at every size, and the GPT with more bytes, until it has cost what the BDH of
    its size has cost, in operations and in seconds. A backward pass counts as two forward passes."""
    rows = []
    for bdh, gpt in plan.pairs:
        rates = {model: best_rate(tune(plan, model, device)) for model in (bdh, gpt)}
        tuned = tuple(plan.experiment(model, rate) for model, rate in rates.items())
        (clocked,) = runs.study(seconds_a_step, {"pair": tuned}, [TUNING], device=device)["pair"]
        cost = {
            model: {"operations": 3 * plan.batch * plan.length * operations(model, plan.length), "seconds": seconds}
            for model, seconds in zip((bdh, gpt), clocked["seconds"], strict=True)
        }
        longer = {f"GPT, equal {price}": cost[bdh][price] / cost[gpt][price] for price in cost[gpt]}
        contestants = {"BDH": tuned[0], "GPT": tuned[1]} | {
            name: plan.experiment(gpt, rates[gpt], round(times * plan.steps)) for name, times in longer.items()
        }
        for name, found in runs.study(learn, contestants, plan.seeds(seed), device=device).items():
            training, price = contestants[name].training, cost[contestants[name].model]
            row = {
                "family": name,
                "parameters": parameters(bdh),
                "rate": training.learning_rate,
                "steps": training.steps,
            }
            row |= {what: training.steps * a_step for what, a_step in price.items()}
            rows += [row | {"seed": one_seed, **one} for one_seed, one in zip(plan.seeds(seed), found, strict=True)]
    return pd.DataFrame(rows)


def losses(rows: pd.DataFrame, family: str) -> pd.DataFrame:
    """Of a family by seed (rows) and parameters (columns)."""
    return rows[rows["family"] == family].pivot(index="seed", columns="parameters", values="loss")


def slopes(gaps: pd.DataFrame) -> np.ndarray:
    """For each seed, by how much its row changes with the natural logarithm of the parameters, least squares."""
    return np.polyfit(np.log(gaps.columns.to_numpy(float)), gaps.T.to_numpy(), 1)[0]
