"""How good a fit is: likelihood of unseen spikes, states and wiring against the truth, checks on recordings.

`likelihood` and `cross_validation` (choosing models), `matching` (which state is which), `wiring` and `roc` (edges
against the true ones), `correlograms` (wiring for models without any), `predictive` and `rescaling` (does the model
look like the data), `dwell`, `waves` and `distance` (what states and wiring of a recording are). Used in all chapters
on brain states.
"""

from brainlib.brainstates.evaluation.correlograms import correlogram_wiring, cross_correlogram
from brainlib.brainstates.evaluation.cross_validation import bic, choose, cross_validate, folds, free_parameters
from brainlib.brainstates.evaluation.distance import distance_correlation, pair_distances
from brainlib.brainstates.evaluation.dwell import dwell_times, summarise_states
from brainlib.brainstates.evaluation.likelihood import (
    bits_per_spike,
    homogeneous_log_likelihood,
    marginal_log_likelihood,
    plug_in_log_likelihood,
)
from brainlib.brainstates.evaluation.matching import confusion, match_states, reorder, state_accuracy
from brainlib.brainstates.evaluation.predictive import check, interspike_intervals, rates
from brainlib.brainstates.evaluation.rescaling import ks_test, predicted_states, time_rescaling
from brainlib.brainstates.evaluation.roc import edge_roc
from brainlib.brainstates.evaluation.waves import agreement, population_bursts
from brainlib.brainstates.evaluation.wiring import (
    accuracy_by_threshold,
    adjacency_prior_of_weights,
    balanced_accuracy,
    classes,
    edge_rates,
    soft_adjacency,
    weight_error,
)

__all__ = [
    "accuracy_by_threshold",
    "adjacency_prior_of_weights",
    "agreement",
    "balanced_accuracy",
    "bic",
    "bits_per_spike",
    "check",
    "choose",
    "classes",
    "confusion",
    "correlogram_wiring",
    "cross_correlogram",
    "cross_validate",
    "distance_correlation",
    "dwell_times",
    "edge_rates",
    "edge_roc",
    "folds",
    "free_parameters",
    "homogeneous_log_likelihood",
    "interspike_intervals",
    "ks_test",
    "marginal_log_likelihood",
    "match_states",
    "pair_distances",
    "plug_in_log_likelihood",
    "population_bursts",
    "predicted_states",
    "rates",
    "reorder",
    "soft_adjacency",
    "state_accuracy",
    "summarise_states",
    "time_rescaling",
    "weight_error",
]
