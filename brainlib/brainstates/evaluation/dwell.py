"""What the states of a path are like: how often, how long, how many spikes."""

from typing import NamedTuple

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from brainlib.brainstates.evaluation.matching import inside
from brainlib.data.trials import Trials


class StateSummary(NamedTuple):
    """One entry for each state."""

    share: Float64[Tensor, "states"]  # of all bins
    visits: Int64[Tensor, "states"]  # unbroken stays
    dwell_ms: Float64[Tensor, "states"]  # the mean length of a visit; NaN without one
    counts: Float64[Tensor, "states"]  # the mean number of spikes a bin, all neurons together; NaN without a visit


def summarise_states(path: Int64[Tensor, "trials time"], trials: Trials, states: int) -> StateSummary:
    """Share of time, visits, mean dwell time and population counts of the states of a path, such as Viterbi's.

    A visit that a trial's beginning or end cuts off counts with the length that is seen, so that dwell times are
    underestimated where trials are short. Raises as `dwell_times`.
    """
    if path.shape != trials.counts.shape[:2]:
        raise ValueError(f"path: got the shape {tuple(path.shape)}, expected {tuple(trials.counts.shape[:2])}")
    stays = dwell_times(path, trials.lengths, states, trials.bin_ms)
    mask = trials.mask.cpu()
    labels, population = path.cpu()[mask], trials.counts.sum(-1).cpu()[mask].double()
    bins = torch.bincount(labels, minlength=states).double()
    return StateSummary(
        share=bins / len(labels),
        visits=torch.tensor([len(times) for times in stays]),
        dwell_ms=torch.stack([times.mean() for times in stays]),
        counts=torch.bincount(labels, weights=population, minlength=states) / bins,
    )


def dwell_times(
    path: Int64[Tensor, "trials time"], lengths: Int64[Tensor, "trials"], states: int, bin_ms: float
) -> list[Float64[Tensor, "..."]]:
    """The lengths in ms of each state's visits, in their order, trial after trial.

    Raises `ValueError` for lengths beyond the bins and for states other than 0 to states - 1.
    """
    if len(lengths) != len(path):
        raise ValueError(f"lengths: got {len(lengths)}, expected one for each of the {len(path)} trials")
    mask = inside(lengths.cpu(), path.shape[1])
    labels = path.cpu()[mask]
    low, high = labels.aminmax()
    if low < 0 or high >= states:
        raise ValueError(f"path: got states {low} to {high}, expected 0 to {states - 1}")
    trial = mask.nonzero()[:, 0]
    visits, bins = torch.unique_consecutive(trial * states + labels, return_counts=True)
    return [bins[visits % states == state].double() * bin_ms for state in range(states)]
