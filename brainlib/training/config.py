"""How a model is trained: everything that decides what a run computes, and nothing else; and its learning rate."""

import math
from dataclasses import dataclass

from brainlib.arguments import whole_number

DECAYS = ("constant", "linear", "cosine")
PRECISIONS = ("float32", "bfloat16", "auto")


@dataclass(frozen=True)
class TrainingConfig:
    """One run of `train`. A field that makes no sense raises `ValueError` with its name.

    - `steps`: optimiser steps of the whole run.
    - `learning_rate`: its peak; `warmup_steps` lead up to it, then `decay` ("constant", "linear" or "cosine")
      leads to `final_fraction` of it at the last step ("constant" ignores `final_fraction`).
    - `weight_decay`, `betas`: of AdamW. The decay is on all parameters, biases and gains included.
    - `clip_norm`: longest gradient (2-norm over all parameters) that is not shortened; None clips nothing.
    - `evaluate_every`, `checkpoint_every`: in steps; None is once, after the last step.
    - `precision`: of the matrix products in the training step. "bfloat16" is autocast, parameters stay float32;
      "auto" takes it where a measurement on the device finds it clearly faster.
    - `seed`: of the random numbers drawn inside the model, such as dropout.

    >>> TrainingConfig(steps=100, warmup_steps=200)
    Traceback (most recent call last):
    ValueError: warmup_steps: got 200, expected at most steps = 100
    """

    steps: int
    learning_rate: float = 1e-3
    warmup_steps: int = 0
    decay: str = "constant"
    final_fraction: float = 0.1
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.999)
    clip_norm: float | None = 1.0
    evaluate_every: int | None = None
    checkpoint_every: int | None = None
    precision: str = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        whole = {"steps": 1, "warmup_steps": 0, "seed": 0, "evaluate_every": 1, "checkpoint_every": 1}
        for name, least in whole.items():
            if (value := getattr(self, name)) is not None or name == "steps":
                object.__setattr__(self, name, whole_number(name, value, least))
        object.__setattr__(self, "betas", tuple(self.betas))
        expected = {
            "warmup_steps": (self.warmup_steps <= self.steps, f"at most steps = {self.steps}"),
            "learning_rate": (0 < self.learning_rate < math.inf, "a finite number above 0"),
            "decay": (self.decay in DECAYS, f"one of {', '.join(DECAYS)}"),
            "final_fraction": (0 <= self.final_fraction <= 1, "a number from 0 to 1"),
            "weight_decay": (0 <= self.weight_decay < math.inf, "a finite number of at least 0"),
            "betas": (len(self.betas) == 2 and all(0 <= beta < 1 for beta in self.betas), "two from 0 to below 1"),
            "clip_norm": (self.clip_norm is None or 0 < self.clip_norm < math.inf, "None or a finite number above 0"),
            "precision": (self.precision in PRECISIONS, f"one of {', '.join(PRECISIONS)}"),
        }
        for name, (fits, what) in expected.items():
            if not fits:
                raise ValueError(f"{name}: got {getattr(self, name)!r}, expected {what}")


def learning_rate(config: TrainingConfig, step: int) -> float:
    """The learning rate of step 1, 2, ..., `config.steps`: a pure function of the step, without a state of its own.

    It rises in a straight line to its peak at step `warmup_steps`, then decays, and has `final_fraction` of the peak
    at the last step.

    >>> config = TrainingConfig(steps=4, learning_rate=1.0, warmup_steps=2, decay="linear", final_fraction=0.0)
    >>> [learning_rate(config, step) for step in (1, 2, 3, 4)]
    [0.5, 1.0, 0.5, 0.0]
    """
    if step < config.warmup_steps:
        return config.learning_rate * step / config.warmup_steps
    if config.decay == "constant" or step == config.warmup_steps:
        return config.learning_rate
    done = (step - config.warmup_steps) / (config.steps - config.warmup_steps)
    remaining = 1 - done if config.decay == "linear" else (1 + math.cos(math.pi * done)) / 2
    return config.learning_rate * (config.final_fraction + (1 - config.final_fraction) * remaining)
