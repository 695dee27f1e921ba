"""Fitting GLMs and HMM-GLMs: `fit`, by expectation maximisation with Fisher scoring.

`model` (what is fitted), `priors`, `em` (the loop), `scoring` (the M-step of the weights) from `sums` over the bins,
`lasso` (with an L1 penalty), `lbfgs` (beyond 256 features), `transitions`, `starts`, `minibatches`.
"""

from brainlib.brainstates.fitting.em import Fit, fit
from brainlib.brainstates.fitting.model import HMMGLM
from brainlib.brainstates.fitting.priors import GaussianPrior

__all__ = ["HMMGLM", "Fit", "GaussianPrior", "fit"]
