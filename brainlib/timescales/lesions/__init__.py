"""Lesions: what is lost with a unit, by a push to weights or time constants, by learning on; and what can be relearned.

`ablation` (single units), `perturbation` (W and tau), `forgetting` (spans solved before), `retraining` (longer spans).
Used in chapters/timescales/03_lesions.ipynb.
"""

from brainlib.timescales.lesions.ablation import ablated, ablation, fastest_and_slowest
from brainlib.timescales.lesions.forgetting import forgetting, remembered
from brainlib.timescales.lesions.perturbation import perturbation, perturbed_tau, perturbed_weight
from brainlib.timescales.lesions.retraining import retraining

__all__ = [
    "ablated",
    "ablation",
    "fastest_and_slowest",
    "forgetting",
    "perturbation",
    "perturbed_tau",
    "perturbed_weight",
    "remembered",
    "retraining",
]
