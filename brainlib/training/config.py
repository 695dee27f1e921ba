"""How a model is trained: everything that decides what a run computes, and nothing else; and its learning rate."""

import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

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
        set_field = partial(object.__setattr__, self)  # the class is frozen
        for name, least in (("steps", 1), ("warmup_steps", 0), ("seed", 0)):
            set_field(name, whole_number(name, getattr(self, name), least))
        for name in ("evaluate_every", "checkpoint_every"):
            if (every := getattr(self, name)) is not None:
                set_field(name, whole_number(name, every, least=1))
        set_field("learning_rate", _number("learning_rate", self.learning_rate, above=0.0))
        set_field("final_fraction", _number("final_fraction", self.final_fraction, 0.0, most=1.0))
        set_field("weight_decay", _number("weight_decay", self.weight_decay, 0.0))
        if self.clip_norm is not None:
            set_field("clip_norm", _number("clip_norm", self.clip_norm, above=0.0))
        for name, choices in (("decay", DECAYS), ("precision", PRECISIONS)):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name}: got {getattr(self, name)!r}, expected one of {', '.join(choices)}")
        if self.warmup_steps > self.steps:
            raise ValueError(f"warmup_steps: got {self.warmup_steps}, expected at most steps = {self.steps}")
        if not isinstance(self.betas, Sequence) or len(self.betas) != 2:
            raise ValueError(f"betas: got {self.betas!r}, expected two numbers from 0 to below 1")
        set_field("betas", tuple(_number("betas", beta, 0.0, below=1.0) for beta in self.betas))


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


def _number(
    name: str,
    value: Any,
    least: float = -math.inf,
    *,
    above: float = -math.inf,
    most: float = math.inf,
    below: float = math.inf,
) -> float:
    fits = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not fits or not (least <= value <= most and above < value < below):
        bounds = {"at least": least, "above": above, "at most": most, "below": below}
        words = " and ".join(f"{word} {bound:g}" for word, bound in bounds.items() if math.isfinite(bound))
        raise ValueError(f"{name}: got {value!r}, expected a finite number {words}")
    return float(value)
