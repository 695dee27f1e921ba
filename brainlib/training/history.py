"""What a run measured, as plain numbers that survive a trip through JSON unchanged."""

from dataclasses import dataclass, field
from typing import Any

from brainlib.training.config import TrainingConfig


@dataclass
class History:
    """The record of one training run, complete across interruptions.

    `losses`, `learning_rates` and `gradient_norms` (before clipping) have one entry a step: entry i belongs to
    step i + 1. `evaluations` are pairs (steps done, value of `evaluate`). `seconds` is the wall-clock time of the
    steps, evaluations and checkpoints that led to the result. `parameters` counts the model's trainable numbers,
    `precision` is the one that was used ("float32" or "bfloat16").

    >>> history = History(TrainingConfig(steps=2), parameters=3, precision="float32", losses=[0.7, 0.1])
    >>> from dataclasses import asdict
    >>> History.from_dict(asdict(history)) == history
    True
    """

    config: TrainingConfig
    parameters: int
    precision: str
    losses: list[float] = field(default_factory=list)
    learning_rates: list[float] = field(default_factory=list)
    gradient_norms: list[float] = field(default_factory=list)
    evaluations: list[tuple[int, float]] = field(default_factory=list)
    seconds: float = 0.0

    @classmethod
    def from_dict(cls, content: Any) -> "History":
        """The record from `dataclasses.asdict`, as it was or by way of JSON."""
        config = TrainingConfig(**content["config"] | {"betas": tuple(content["config"]["betas"])})
        evaluations = [(step, value) for step, value in content["evaluations"]]
        return cls(**content | {"config": config, "evaluations": evaluations})
