"""How a model is trained: everything that decides what a run computes, and nothing else."""

import math
import numbers
from collections.abc import Sequence
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
        self._integer("steps", at_least=1)
        self._integer("warmup_steps", at_least=0)
        self._integer("seed", at_least=0)
        self._number("learning_rate", lambda x: x > 0, "a positive number")
        self._number("final_fraction", lambda x: 0 <= x <= 1, "a number from 0 to 1")
        self._number("weight_decay", lambda x: x >= 0, "a number of at least 0")
        if self.clip_norm is not None:
            self._number("clip_norm", lambda x: x > 0, "a positive number or None")
        for name in ("evaluate_every", "checkpoint_every"):
            if getattr(self, name) is not None:
                self._integer(name, at_least=1)
        self._choice("decay", DECAYS)
        self._choice("precision", PRECISIONS)
        if self.warmup_steps > self.steps:
            raise ValueError(f"warmup_steps: got {self.warmup_steps}, expected at most steps = {self.steps}")
        betas = self.betas
        pair = isinstance(betas, Sequence) and len(betas) == 2 and all(_is_number(b) and 0 <= b < 1 for b in betas)
        if not pair:
            raise ValueError(f"betas: got {betas!r}, expected two numbers from 0 to below 1")
        object.__setattr__(self, "betas", (float(betas[0]), float(betas[1])))

    def _integer(self, name: str, at_least: int) -> None:
        object.__setattr__(self, name, whole_number(name, getattr(self, name), at_least))

    def _number(self, name: str, fits, expected: str) -> None:
        value = getattr(self, name)
        if not _is_number(value) or not fits(value):
            raise ValueError(f"{name}: got {value!r}, expected {expected}")
        object.__setattr__(self, name, float(value))

    def _choice(self, name: str, choices: tuple[str, ...]) -> None:
        value = getattr(self, name)
        if value not in choices:
            raise ValueError(f"{name}: got {value!r}, expected one of {', '.join(choices)}")


def _is_number(value) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
