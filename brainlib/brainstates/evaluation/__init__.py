"""How good a fit is: likelihood of unseen spikes, states and wiring against the truth, checks on recordings.

`likelihood` (and BIC), `matching` (which state is which), `wiring` (edges against the true ones), `rescaling` (does the
model have the recording's sense of time), `dwell` (how long states last).
"""

from brainlib.brainstates.evaluation.dwell import dwell_times, summarise_states
from brainlib.brainstates.evaluation.likelihood import (
    bic,
    bits_per_spike,
    free_parameters,
    homogeneous_log_likelihood,
    marginal_log_likelihood,
    plug_in_log_likelihood,
)
from brainlib.brainstates.evaluation.matching import confusion, match_states, reorder, same_shape, state_accuracy
from brainlib.brainstates.evaluation.rescaling import ks_test, predicted_states, time_rescaling
from brainlib.brainstates.evaluation.wiring import (
    accuracy_by_threshold,
    adjacency_prior_of_weights,
    balanced_accuracy,
    classes,
    edge_auc,
    edge_rates,
    soft_adjacency,
    weight_error,
)

__all__ = [
    "accuracy_by_threshold",
    "adjacency_prior_of_weights",
    "balanced_accuracy",
    "bic",
    "bits_per_spike",
    "classes",
    "confusion",
    "dwell_times",
    "edge_auc",
    "edge_rates",
    "free_parameters",
    "homogeneous_log_likelihood",
    "ks_test",
    "marginal_log_likelihood",
    "match_states",
    "plug_in_log_likelihood",
    "predicted_states",
    "reorder",
    "same_shape",
    "soft_adjacency",
    "state_accuracy",
    "summarise_states",
    "time_rescaling",
    "weight_error",
]
