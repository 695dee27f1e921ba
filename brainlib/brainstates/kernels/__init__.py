"""The hidden chain: what a hidden Markov model knows of its states, whatever it observes (README.md beside this file).

The functions of `chain.py` check their arguments and hand them to an implementation, a module (`cpu`; `triton` for a
GPU; `reference` in float64, on any device) with the functions

    forward_backward(log_emission, log_transition, log_initial, lengths, scaled) -> states, transitions, log_likelihood
    filter_states(log_emission, log_transition, log_initial, lengths, scaled) -> states, log_likelihood

`cpu` has those of paths too:

    viterbi(log_emission, log_transition, log_initial, lengths) -> paths
    sample_paths(log_emission, log_transition, log_initial, lengths, uniforms) -> paths

    log_emission [B, T, S], log_transition [B, S, S], log_initial [B, S]: contiguous, of one dtype (float32 or float64)
        and on one device; never NaN or +inf, except in log_emission beyond the lengths; rows of probabilities sum to 1
    lengths [B]: int64 on that device, 1 to T   scaled: whether no transition is less probable than exp(`LEAST`)
    uniforms [samples, B, T]: numbers in [0, 1), as many as there are bins
    states [B, T, S], transitions [B, S, S]: of that dtype   log_likelihood [B]: float64
    paths [B, T] or [samples, B, T]: int64

Beyond its length a trial's states are exactly 0 and its paths -1. A trial that the model cannot give has log likelihood
-inf, transitions of 0, states of 0 (in the filter from the impossible bin on) and paths of -1.
"""

from brainlib.brainstates.kernels.chain import (
    Filtered,
    Posterior,
    filter_states,
    forward_backward,
    log_likelihood,
    sample_paths,
    viterbi,
)

__all__ = [
    "Filtered",
    "Posterior",
    "filter_states",
    "forward_backward",
    "log_likelihood",
    "sample_paths",
    "viterbi",
]
