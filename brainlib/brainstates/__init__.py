"""Switching brain states: GLMs of spike trains whose wiring a hidden Markov chain selects, and priors on the wiring.

`HMMGLM` and `OneHotHMMGLM` are estimators with `fit`, `predict`, `predict_proba` and `score`. Beneath them, `design`
makes features of spikes (in its module), `fit` and `fit_one_hot` fit a `Model` or a `OneHot` to them, `posterior` says
which states a model sees; inference in the chain itself, whatever it observes, is a handful of functions of tensors.
"""

from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.estimators import HMMGLM, OneHotHMMGLM, Selection, select
from brainlib.brainstates.fitting import GaussianPrior, Model, fit
from brainlib.brainstates.inference import log_emission, posterior
from brainlib.brainstates.kernels import (
    Posterior,
    filter_states,
    forward_backward,
    log_likelihood,
    sample_paths,
    viterbi,
)
from brainlib.brainstates.onehot import OneHot, fit_one_hot
from brainlib.brainstates.parameters import Parameters

__all__ = [
    "HMMGLM",
    "Emission",
    "GaussianPrior",
    "Model",
    "OneHot",
    "OneHotHMMGLM",
    "Parameters",
    "Posterior",
    "Selection",
    "filter_states",
    "fit",
    "fit_one_hot",
    "forward_backward",
    "log_emission",
    "log_likelihood",
    "posterior",
    "sample_paths",
    "select",
    "viterbi",
]
