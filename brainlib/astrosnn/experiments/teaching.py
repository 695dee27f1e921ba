"""Teaching one network one task, and asking it: the same for every contestant of the chapter on memory."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from brainlib.astrosnn.model import AstroSNN, AstroSNNConfig
from brainlib.astrosnn.tasks import SILENT, Task
from brainlib.backend import resolve_device
from brainlib.training import History, TrainingConfig, train


@dataclass(frozen=True)
class Lessons:
    """How long and how fast: AdamW without weight decay, a tenth of the steps to warm up, then a cosine to nothing.

    Weight decay is off because it would pull the logits of slow decays towards a decay of one half.
    """

    steps: int
    batch: int = 64
    learning_rate: float = 3e-3

    def training(self, seed: int) -> TrainingConfig:
        """The settings of `brainlib.training.train`."""
        return TrainingConfig(
            steps=self.steps,
            learning_rate=self.learning_rate,
            warmup_steps=self.steps // 10,
            decay="cosine",
            final_fraction=0.0,
            weight_decay=0.0,
            checkpoint_every=250,
            seed=seed,
        )


def teach(
    config: AstroSNNConfig,
    task: Task,
    lessons: Lessons,
    seed: int,
    device: str = "auto",
    folder: Path | None = None,
) -> tuple[AstroSNN, History]:
    """A network of `config` that begins at random, by `seed`, and is taught `task`; resumable from `folder`.

    Raises what `brainlib.training.train` raises.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AstroSNN(config).to(resolve_device(device))
    history = train(model, _loss, task, lessons.training(seed), folder=folder, progress=False)
    return model.eval(), history


def _loss(model: AstroSNN, batch: tuple[Tensor, Tensor], state: None) -> tuple[Tensor, None]:
    return model(*batch, carry=False)[1], None


@torch.no_grad()
def accuracy(model: AstroSNN, batches: Iterable[tuple[Tensor, Tensor]]) -> float:
    """The share of right answers among all that the batches ask for."""
    right = asked = 0
    for inputs, targets in batches:
        logits = model(inputs.to(model.readout.weight.device), carry=False)[0]
        good, count = judged(logits, targets)
        right, asked = right + good, asked + count
    return right / asked


def judged(logits: Tensor, targets: Tensor) -> tuple[int, int]:
    """How many answers are right, and how many there are."""
    places = targets != SILENT
    return int((logits.argmax(-1).cpu()[places] == targets[places]).sum()), int(places.sum())


def described(model: AstroSNN, history: History, context: int) -> dict[str, Any]:
    """What is worth knowing of a taught network beside its answers; state after `context` tokens."""
    every = max(1, len(history.losses) // 50)
    blocks = [history.losses[first : first + every] for first in range(0, len(history.losses), every)]
    return {
        "dim": model.config.dim,
        "parameters": history.parameters,
        "state": model.state_size(context),
        "slowest": slowest(model),
        "seconds": history.seconds,
        "losses": [round(sum(block) / len(block), 4) for block in blocks],
    }


def slowest(model: AstroSNN) -> float | None:
    """The longest time constant in tokens of a spiking network's membranes and slow variables, as they were learned;
    None for the memories of the field."""
    if model.config.mixer == "lif":
        return max(block.mixer.tau for block in model.blocks)
    if model.config.mixer not in ("plif", "alif", "calcium", "amsu"):
        return None
    decays = [value for name, value in model.named_parameters() if name.endswith(".decay")]
    if not decays:
        return model.config.unit_config.tau
    return float(max((-logits.detach().double()).sigmoid().reciprocal().max() for logits in decays))
