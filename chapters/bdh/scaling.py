"""BDH against a GPT at equal parameters, tokens, arithmetic and time: the paper's Figure 7, four sizes down.

As in the paper (Tables 4 and 5), a Dragon Hatchling grows by its neurons alone, a GPT in width and depth, and both
read the same bytes in the same order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from brainlib.baselines import GPTConfig
from brainlib.bdh import BDHConfig
from brainlib.training import loss_by_context
from chapters.bdh import translation
from chapters.bdh.experiments import Experiment, Model, schedule, trained
from chapters.bdh.translation import FADING, SPANISH, Run, learn


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

    def run(self, config: BDHConfig | GPTConfig, steps: int, rate: float, **others: bool) -> Run:
        return Run(replace(self.experiment, model=config, training=schedule(steps, rate)), **others)


def small_bdh(neurons: int) -> BDHConfig:
    return BDHConfig(layers=4, dim=64, heads=4, neurons=neurons, dropout=0.0, decay=FADING)


def small_gpt(layers: int, dim: int, hidden: int) -> GPTConfig:
    return GPTConfig(layers=layers, dim=dim, heads=dim // 16, hidden=hidden, memory=256)


SIZES = tuple(  # Table 5: the four smaller sizes of the paper, 25 M to 200 M parameters
    BDHConfig(layers=8, dim=256, heads=4, neurons=neurons, dropout=0.1, decay=FADING)
    for neurons in (2**15, 2**16, 2**17, 2**18)
)
SCALINGS = {
    "ci": Scaling(
        (small_bdh(128), small_bdh(512)),
        (small_gpt(1, 64, 192), small_gpt(2, 64, 320)),
        (4e-3, 8e-3),
        10,
        replace(translation.EXPERIMENTS["ci"], training=schedule(60, 8e-3), batch=8, length=64, held_out=10_000),
    ),
    "laptop": Scaling(
        (small_bdh(256), small_bdh(512), small_bdh(1024), small_bdh(2048)),
        (small_gpt(2, 48, 264), small_gpt(2, 64, 320), small_gpt(4, 64, 288), small_gpt(5, 80, 344)),
        (2e-3, 4e-3, 8e-3),
        150,
        replace(translation.EXPERIMENTS["laptop"], training=schedule(400, 4e-3)),
    ),
    # Tables 4 and 5, the four smaller sizes, on the verses.
    "paper": Scaling(
        SIZES,
        tuple(
            GPTConfig(layers=layers, dim=dim, heads=heads, dropout=dropout, memory=4096)
            for layers, dim, heads, dropout in (
                (9, 480, 5, 0.01), (12, 576, 6, 0.02), (15, 768, 8, 0.02), (18, 960, 10, 0.002)
            )
        ),
        (5e-4, 1e-3, 2e-3),
        1000,
        translation.EXPERIMENTS["paper"],
    ),
}  # fmt: skip


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


def tune(scaling: Scaling, seed: int = 0, device: str = "auto") -> dict[str, dict[float, float]]:
    """Held-out loss of both families' second size after a short run at every learning rate that is tried."""
    short = {
        f"{family} at {rate:g}": scaling.run(configs[1], scaling.tuning_steps, rate)
        for family, configs in scaling.families.items()
        for rate in scaling.rates
    }
    histories = {name: history for name, (_, history) in trained(learn, short, seed, device).items()}
    return {
        family: {rate: histories[f"{family} at {rate:g}"].evaluations[-1][1] for rate in scaling.rates}
        for family in scaling.families
    }


def best_rates(tried: dict[str, dict[float, float]]) -> dict[str, float]:
    """Of every family the learning rate of the lowest loss."""
    return {family: min(losses, key=losses.get) for family, losses in tried.items()}


def train_all(
    scaling: Scaling, rates: dict[str, float], seed: int = 0, device: str = "auto"
) -> tuple[list[Point], dict[str, list[Model]]]:
    """Both families at all sizes, the smallest first: what they measure, and the models."""
    sizes = {
        f"{family} {config.parameters}": scaling.run(config, scaling.experiment.training.steps, rates[family])
        for family, configs in scaling.families.items()
        for config in configs
    }
    return _points(scaling, sizes, seed, device)


def train_longer(
    scaling: Scaling, points: Sequence[Point], rates: dict[str, float], seed: int = 0, device: str = "auto"
) -> dict[str, Point]:
    """The second GPT, trained until it has cost what the second BDH has cost, in operations and in seconds."""
    steps = scaling.experiment.training.steps
    equal = {
        "operations": steps_of_equal_flops(scaling, size=1),
        "seconds": round(steps * points[1].seconds / points[len(scaling.bdh) + 1].seconds),
    }
    longer = {name: scaling.run(scaling.gpt[1], count, rates["GPT"]) for name, count in equal.items()}
    return dict(zip(equal, _points(scaling, longer, seed, device)[0], strict=True))


def _points(
    scaling: Scaling, planned: dict[str, Run], seed: int, device: str
) -> tuple[list[Point], dict[str, list[Model]]]:
    points, models = [], {family: [] for family in scaling.families}
    for name, (model, history) in trained(learn, planned, seed, device).items():
        family = type(model).__name__
        models[family].append(model)
        points.append(
            Point(
                family=family,
                parameters=history.parameters,
                steps=len(history.losses),
                learning_rate=planned[name].experiment.training.learning_rate,
                seconds=history.seconds,
                loss=history.evaluations[-1][1],
                directions=translation.direction_losses(model, scaling.experiment),
            )
        )
    return points, models


def steps_of_equal_flops(scaling: Scaling, size: int) -> int:
    """How many steps of the GPT cost as many operations as the training of the BDH of that size."""
    length, steps = scaling.experiment.length, scaling.experiment.training.steps
    return round(steps * forward_flops(scaling.bdh[size], length) / forward_flops(scaling.gpt[size], length))


def gaps(scaling: Scaling, points: Sequence[Point]) -> list[float]:
    """Loss of BDH less that of the GPT, size by size."""
    count = len(scaling.bdh)
    return [bdh.loss - gpt.loss for bdh, gpt in zip(points[:count], points[count:], strict=True)]


def slope_of_gap(scaling: Scaling, points: Sequence[Point]) -> float:
    """By how much the gap changes with the natural logarithm of the parameters, least squares."""
    size = torch.tensor([float(config.parameters) for config in scaling.bdh]).log()
    gap = torch.tensor(gaps(scaling, points))
    return float(((size - size.mean()) * gap).sum() / size.var(correction=0) / len(gap))


def gain_of_translation(point: Point) -> float:
    """Loss of a language as the translation less that on its own, mean over both languages."""
    return sum(point.directions[a] - point.directions[b] for a, b in (("es→en", "en"), ("en→es", "es"))) / 2


def contexts(length: int) -> list[int]:
    """From an eighth of a step to sixteen steps."""
    return [length // 8 * 2**power for power in range(8)]


def losses_by_context(scaling: Scaling, rate: float, seed: int = 0, device: str = "auto") -> dict[str, torch.Tensor]:
    """Does a model use what it read before the step that it was trained on? Four ways of teaching, judged alike.

    The second BDH learns from as many bytes: "carried" goes on with the synapses of the last batch, "crops" begins
    every crop without; each with synapses that fade and that last.
    """
    config, steps, length = scaling.bdh[1], scaling.experiment.training.steps, scaling.experiment.length
    ways = {
        f"{teaching}, {memory}": scaling.run(replace(config, decay=decay), steps, rate, crops=teaching == "crops")
        for memory, decay in (("fading", config.decay), ("lasting", None))
        for teaching in ("carried", "crops")
    }
    stream = translation.held_out_stream(scaling.experiment, SPANISH, scaling.experiment.held_out // 2)
    return {
        name: loss_by_context(model, stream.tokens, length, contexts(length))
        for name, (model, _) in trained(learn, ways, seed, device).items()
    }


def gain_of_context(losses: dict[str, torch.Tensor]) -> dict[str, float]:
    """Loss at the two longest contexts less that at half a step and a whole one."""
    return {name: float(curve[-2:].mean() - curve[2:4].mean()) for name, curve in losses.items()}
