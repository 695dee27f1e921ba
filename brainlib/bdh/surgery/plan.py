"""What is trained, and for how long, in chapters/bdh/05_surgery."""

from dataclasses import dataclass, replace

from brainlib.bdh.translation import EXPERIMENTS, Experiment, schedule


@dataclass(frozen=True)
class Plan:
    """`whole` is how a model learns a pair of languages, the parent from random weights and each clone from the
    parent; `short` the training after an operation. `held_out` is how many bytes (a direction) judge one of many
    merges; `whole.held_out` judge a model."""

    whole: Experiment
    short: Experiment
    held_out: int


def _plan(whole: Experiment, short_steps: int, held_out: int) -> Plan:
    short = replace(whole, training=schedule(short_steps, whole.training.learning_rate / 2))
    return Plan(whole, short, held_out)


_CI, _LAPTOP = EXPERIMENTS["ci"], EXPERIMENTS["laptop"]
PLANS = {
    "ci": _plan(
        replace(_CI, model=replace(_CI.model, neurons=512), training=schedule(60, 8e-3), held_out=6_000), 9, 4_000
    ),
    "laptop": _plan(replace(_LAPTOP, training=schedule(800, 4e-3), held_out=30_000), 80, 12_000),
    "paper": _plan(EXPERIMENTS["paper"], 1000, 200_000),
}
