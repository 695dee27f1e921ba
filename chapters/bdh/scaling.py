"""BDH against a GPT at equal parameters, tokens, arithmetic and time: the paper's Figure 7, four sizes down.

As in the paper (Tables 4 and 5), a Dragon Hatchling grows by its neurons alone, a GPT in width and depth, and both
read the same bytes in the same order.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from brainlib.baselines import GPTConfig
from brainlib.bdh import BDHConfig
from brainlib.training import loss_by_context
from chapters.bdh import translation
from chapters.bdh.experiments import Experiment, schedule, trained
from chapters.bdh.translation import SPANISH, Run, fading_bdh, learn

Point = dict[str, Any]
"""One trained model: family, parameters, steps, learning_rate, seconds, held-out loss, and its directions."""


@dataclass(frozen=True)
class Scaling:
    """The two families, size by size of about equal parameters, and the learning rates that are tried for both."""

    bdh: tuple[BDHConfig, ...]
    gpt: tuple[GPTConfig, ...]
    rates: tuple[float, ...]
    tuning_steps: int
    experiment: Experiment  # its model is replaced

    @property
    def families(self) -> dict[str, tuple[BDHConfig | GPTConfig, ...]]:
        return {"BDH": self.bdh, "GPT": self.gpt}

    def run(self, config: BDHConfig | GPTConfig, steps: int, rate: float) -> Run:
        return Run(replace(self.experiment, model=config, training=schedule(steps, rate)))


def small_bdhs(*neurons: int) -> tuple[BDHConfig, ...]:
    return tuple(fading_bdh(4, 64, n) for n in neurons)


def small_gpts(*shapes: tuple[int, int, int]) -> tuple[GPTConfig, ...]:
    """Of layers, width and hidden width."""
    return tuple(GPTConfig(layers=n, dim=dim, heads=dim // 16, hidden=wide, memory=256) for n, dim, wide in shapes)


CI, LAPTOP, PAPER = translation.EXPERIMENTS.values()
SCALINGS = {
    "ci": Scaling(
        small_bdhs(128, 512),
        small_gpts((1, 64, 192), (2, 64, 320)),
        rates=(4e-3, 8e-3),
        tuning_steps=10,
        experiment=replace(CI, training=schedule(60, 8e-3), batch=8, length=64, held_out=10_000),
    ),
    "laptop": Scaling(
        small_bdhs(256, 512, 1024, 2048),
        small_gpts((2, 48, 264), (2, 64, 320), (4, 64, 288), (5, 80, 344)),
        rates=(2e-3, 4e-3, 8e-3),
        tuning_steps=150,
        experiment=replace(LAPTOP, training=schedule(400, 4e-3)),
    ),
    "paper": Scaling(  # Tables 4 and 5, the four smaller sizes, 25 M to 200 M parameters, on the verses
        tuple(fading_bdh(8, 256, neurons, dropout=0.1) for neurons in (2**15, 2**16, 2**17, 2**18)),
        (
            GPTConfig(layers=9, dim=480, heads=5, dropout=0.01, memory=4096),
            GPTConfig(layers=12, dim=576, heads=6, dropout=0.02, memory=4096),
            GPTConfig(layers=15, dim=768, heads=8, dropout=0.02, memory=4096),
            GPTConfig(layers=18, dim=960, heads=10, dropout=0.002, memory=4096),
        ),
        rates=(5e-4, 1e-3, 2e-3),
        tuning_steps=1000,
        experiment=PAPER,
    ),
}


def forward_flops(config: BDHConfig | GPTConfig, length: int) -> int:
    """Floating-point operations of one token's forward pass, a multiplication and an addition being two.

    A token of a BDH passes every layer through 6 n d for the three matrices, attends on average to half a chunk of
    `length` tokens for n + heads d each, twice, and reads and writes synapses for 4 n d; a GPT's token passes its own
    weights once and attends to `memory` positions and to half its chunk.
    """
    if isinstance(config, BDHConfig):
        width = config.neurons + config.heads * config.dim
        layer = 6 * config.neurons * config.dim + length * width + 4 * config.neurons * config.dim
        return config.layers * layer + 2 * config.dim * config.vocab
    weights = config.layers * (8 * config.dim**2 + 4 * config.dim * config.hidden)
    return weights + 2 * config.layers * (2 * config.memory + length) * config.dim + 2 * config.dim * config.vocab


def tune(scaling: Scaling, seed: int = 0, device: str = "auto") -> dict[str, dict[float, float]]:
    """Held-out loss of both families' second size after a short run at every learning rate that is tried."""
    short = {
        f"{family} at {rate:g}": scaling.run(configs[1], scaling.tuning_steps, rate)
        for family, configs in scaling.families.items()
        for rate in scaling.rates
    }
    losses = iter([history.evaluations[-1][1] for _, history in trained(learn, short, seed, device).values()])
    return {family: {rate: next(losses) for rate in scaling.rates} for family in scaling.families}


def best_rates(tried: dict[str, dict[float, float]]) -> dict[str, float]:
    """Of every family the learning rate of the lowest loss."""
    return {family: min(losses, key=losses.get) for family, losses in tried.items()}


def train_all(scaling: Scaling, rates: dict[str, float], seed: int = 0, device: str = "auto") -> list[Point]:
    """Both families at all sizes, the smallest first."""
    runs = [
        scaling.run(config, scaling.experiment.training.steps, rates[family])
        for family, configs in scaling.families.items()
        for config in configs
    ]
    return _points(scaling, runs, seed, device)


def train_longer(
    scaling: Scaling, points: Sequence[Point], rates: dict[str, float], seed: int = 0, device: str = "auto"
) -> dict[str, Point]:
    """The second GPT, trained until it has cost what the second BDH has cost, in operations and in seconds."""
    length, steps = scaling.experiment.length, scaling.experiment.training.steps
    cost = {
        "operations": forward_flops(scaling.bdh[1], length) / forward_flops(scaling.gpt[1], length),
        "seconds": points[1]["seconds"] / points[len(scaling.bdh) + 1]["seconds"],
    }
    longer = [scaling.run(scaling.gpt[1], round(steps * times), rates["GPT"]) for times in cost.values()]
    return dict(zip(cost, _points(scaling, longer, seed, device), strict=True))


def _points(scaling: Scaling, runs: Iterable[Run], seed: int, device: str) -> list[Point]:
    planned = {str(number): run for number, run in enumerate(runs)}
    return [
        {
            "family": type(model).__name__,
            "parameters": history.parameters,
            "steps": len(history.losses),
            "learning_rate": history.config.learning_rate,
            "seconds": history.seconds,
            "loss": history.evaluations[-1][1],
            "directions": translation.direction_losses(model, scaling.experiment),
        }
        for model, history in trained(learn, planned, seed, device).values()
    ]


def gaps(points: Sequence[Point]) -> list[float]:
    """Loss of BDH less that of the GPT, size by size."""
    bdh, gpt = ([point["loss"] for point in points if point["family"] == family] for family in ("BDH", "GPT"))
    return np.subtract(bdh, gpt).tolist()


def slope_of_gap(scaling: Scaling, points: Sequence[Point]) -> float:
    """By how much the gap changes with the natural logarithm of the parameters, least squares."""
    return float(np.polyfit(np.log([config.parameters for config in scaling.bdh]), gaps(points), 1)[0])


def gain_of_translation(point: Point) -> float:
    """Loss of a language as the translation less that on its own, mean over both languages."""
    losses = point["directions"]
    return (losses["es→en"] - losses["en"] + losses["en→es"] - losses["es"]) / 2


def contexts(length: int) -> list[int]:
    """From an eighth of a step to sixteen steps."""
    return [length // 8 * 2**power for power in range(8)]


def losses_by_context(scaling: Scaling, rate: float, seed: int = 0, device: str = "auto") -> dict[str, torch.Tensor]:
    """Does a model use what it read before the step that it was trained on? Four ways of teaching, judged alike.

    The second BDH learns from as many bytes: "carried" goes on with the synapses of the last batch, "crops" begins
    every crop without; each with synapses that fade and that last.
    """
    config, experiment = scaling.bdh[1], scaling.experiment
    ways = {}
    for memory, decay in (("fading", config.decay), ("lasting", None)):
        run = scaling.run(replace(config, decay=decay), experiment.training.steps, rate)
        ways |= {f"carried, {memory}": run, f"crops, {memory}": replace(run, crops=True)}
    stream = translation.held_out_stream(experiment, SPANISH, experiment.held_out // 2)
    return {
        name: loss_by_context(model, stream.tokens, experiment.length, contexts(experiment.length))
        for name, (model, _) in trained(learn, ways, seed, device).items()
    }


def gain_of_context(losses: Mapping[str, torch.Tensor]) -> dict[str, float]:
    """Loss at the two longest contexts less that at half a step and a whole one."""
    return {name: float(curve[-2:].mean() - curve[2:4].mean()) for name, curve in losses.items()}
