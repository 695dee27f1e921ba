"""Fitting GLMs and HMM-GLMs: `fit`, by expectation maximisation with Fisher scoring.

`model` (what is fitted), `em` (the loop), `scoring` (the M-step) from `sums` over the bins, `starts`.
"""

from brainlib.brainstates.fitting.em import Fit, fit
from brainlib.brainstates.fitting.model import GaussianPrior, Model

__all__ = ["Fit", "GaussianPrior", "Model", "fit"]
