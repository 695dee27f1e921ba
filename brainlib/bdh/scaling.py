"""BDH against a GPT at equal parameters, tokens, arithmetic and time: the paper's Figure 7, four sizes down.

As in the paper (Tables 4 and 5), a Dragon Hatchling grows by its neurons alone, a GPT in width and depth, and both
read the same bytes in the same order. Used in chapters/bdh/03_scaling.ipynb.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from brainlib.baselines import GPT, GPTConfig
from brainlib.bdh import translation
from brainlib.bdh.model import BDH, BDHConfig
from brainlib.bdh.sizes import SIZES
from brainlib.extras import extra


@dataclass(frozen=True)
class Scaling:
    """The two families, size by size of about equal parameters, and the learning rates that are tried for both."""

    bdh: tuple[BDHConfig, ...]
    gpt: tuple[GPTConfig, ...]
    rates: tuple[float, ...]
    tuning_steps: int
    experiment: translation.Experiment  # its model is replaced


def small_bdh(neurons: int) -> BDHConfig:
    return BDHConfig(layers=4, dim=64, heads=4, neurons=neurons, dropout=0.0, decay=translation.FADING)


def small_gpt(layers: int, dim: int, hidden: int) -> GPTConfig:
    return GPTConfig(layers=layers, dim=dim, heads=dim // 16, hidden=hidden, memory=256)


def paper_gpt(layers: int, dim: int, heads: int, dropout: float) -> GPTConfig:
    return GPTConfig(layers=layers, dim=dim, heads=heads, dropout=dropout, memory=4096)


SCALINGS = {
    "ci": Scaling(
        (small_bdh(128), small_bdh(512)),
        (small_gpt(1, 64, 192), small_gpt(2, 64, 320)),
        (4e-3, 8e-3),
        10,
        replace(
            translation.EXPERIMENTS["ci"], training=translation.schedule(60, 8e-3), batch=8, length=64, held_out=10_000
        ),
    ),
    "laptop": Scaling(
        (small_bdh(256), small_bdh(512), small_bdh(1024), small_bdh(2048)),
        (small_gpt(2, 48, 264), small_gpt(2, 64, 320), small_gpt(4, 64, 288), small_gpt(5, 80, 344)),
        (2e-3, 4e-3, 8e-3),
        150,
        replace(translation.EXPERIMENTS["laptop"], training=translation.schedule(400, 4e-3)),
    ),
    # Tables 4 and 5, the four smaller sizes, on the verses.
    "paper": Scaling(
        tuple(replace(SIZES[name], decay=translation.FADING) for name in ("25M", "50M", "100M", "200M")),
        (
            paper_gpt(9, 480, 5, 0.01),
            paper_gpt(12, 576, 6, 0.02),
            paper_gpt(15, 768, 8, 0.02),
            paper_gpt(18, 960, 10, 0.002),
        ),
        (5e-4, 1e-3, 2e-3),
        1000,
        translation.EXPERIMENTS["paper"],
    ),
}


def forward_flops(config: BDHConfig | GPTConfig, length: int) -> int:
    """Floating-point operations of one token's forward pass, a multiplication and an addition being two.

    A token of a BDH passes every layer through 6 n d for the three matrices, hears on average half a piece of
    `length` tokens for n + heads d each, twice, and reads and writes synapses for 4 n d; a GPT's token passes its own
    weights once and attends to `memory` positions and to half its piece.
    """
    if isinstance(config, BDHConfig):
        width = config.neurons + config.heads * config.dim
        layer = 6 * config.neurons * config.dim + length * width + 4 * config.neurons * config.dim
        return config.layers * layer + 2 * config.dim * config.vocab
    weights = config.layers * (8 * config.dim**2 + 4 * config.dim * config.hidden)
    return weights + 2 * config.layers * (2 * config.memory + length) * config.dim + 2 * config.dim * config.vocab


@dataclass(frozen=True)
class Point:
    """One trained model: what it is, what it cost, and how well it predicts held-out text."""

    family: str
    parameters: int
    steps: int
    learning_rate: float
    seconds: float
    loss: float
    directions: dict[str, float]


def train_one(
    scaling: Scaling,
    config: BDHConfig | GPTConfig,
    rate: float,
    steps: int,
    seed: int = 0,
    device: str = "auto",
    folder: Path | None = None,
) -> tuple[BDH | GPT, Point]:
    """One run of `steps` steps on the English-Spanish stream, resumable from `folder`."""
    family = "BDH" if isinstance(config, BDHConfig) else "GPT"
    experiment = replace(scaling.experiment, model=config, training=translation.schedule(steps, rate))
    folder = folder and folder / f"{family}-{config.parameters}-{steps}-{rate:g}"
    model, history = translation.run(experiment, seed=seed, device=device, folder=folder)
    point = Point(
        family=family,
        parameters=history.parameters,
        steps=steps,
        learning_rate=rate,
        seconds=history.seconds,
        loss=history.evaluations[-1][1],
        directions=translation.direction_losses(model, experiment),
    )
    return model, point


def tune(
    scaling: Scaling, seed: int = 0, device: str = "auto", folder: Path | None = None
) -> dict[str, dict[float, float]]:
    """Held-out loss of both families' second size after a short run at every learning rate that is tried."""
    losses: dict[str, dict[float, float]] = {}
    for family, config in (("BDH", scaling.bdh[1]), ("GPT", scaling.gpt[1])):
        runs = {
            rate: train_one(scaling, config, rate, scaling.tuning_steps, seed, device, folder)[1]
            for rate in scaling.rates
        }
        losses[family] = {rate: point.loss for rate, point in runs.items()}
    return losses


def steps_of_equal_flops(scaling: Scaling, size: int) -> int:
    """How many steps of the GPT cost as many operations as the training of the BDH of that size."""
    length, steps = scaling.experiment.length, scaling.experiment.training.steps
    return round(steps * forward_flops(scaling.bdh[size], length) / forward_flops(scaling.gpt[size], length))


@dataclass(frozen=True)
class PowerLaw:
    """loss = scale * parameters ** -exponent, with the 95 % interval of the exponent."""

    exponent: float
    low: float
    high: float
    scale: float

    def __call__(self, parameters: float) -> float:
        return self.scale * parameters**-self.exponent


def power_law(parameters: Sequence[float], losses: Sequence[float]) -> PowerLaw:
    """The least-squares line through the logarithms; at least three points."""
    with extra("notebook"):
        from scipy import stats

    if len(parameters) != len(losses) or len(losses) < 3:
        raise ValueError(f"losses: got {len(losses)} for {len(parameters)} sizes, expected as many, at least 3")
    x, y = (torch.tensor(values, dtype=torch.float64).log() for values in (parameters, losses))
    line = stats.linregress(x, y)
    wide = float(stats.t.ppf(0.975, len(losses) - 2) * line.stderr)
    return PowerLaw(-line.slope, -line.slope - wide, -line.slope + wide, float(torch.tensor(line.intercept).exp()))
