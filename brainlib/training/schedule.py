"""The learning rate as a pure function of the step, so that it needs no state of its own."""

import math

from brainlib.training.config import TrainingConfig


def learning_rate(config: TrainingConfig, step: int) -> float:
    """The learning rate of step 1, 2, ..., `config.steps`.

    It rises in a straight line to its peak at step `warmup_steps`, then decays, and has `final_fraction` of the peak
    at the last step.
    """
    if step < config.warmup_steps:
        return config.learning_rate * step / config.warmup_steps
    if config.decay == "constant" or step == config.warmup_steps:
        return config.learning_rate
    done = (step - config.warmup_steps) / (config.steps - config.warmup_steps)
    remaining = 1 - done if config.decay == "linear" else (1 + math.cos(math.pi * done)) / 2
    return config.learning_rate * (config.final_fraction + (1 - config.final_fraction) * remaining)
