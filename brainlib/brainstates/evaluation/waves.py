"""Bursts of a whole population, such as retinal waves, by a threshold that knows no model; and how states meet them."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from brainlib.brainstates.evaluation.bins import inside, same_shape
from brainlib.data.trials import Trials


class Agreement(NamedTuple):
    """How well a state says when bursts are; NaN where a share has nothing to be taken of."""

    precision: float  # the share of the state's bins that lie in a burst
    recall: float  # the share of the bursts' bins that lie in the state
    phi: float  # the correlation of the two, 1 if they are the same, 0 by chance


def population_bursts(trials: Trials, factor: float = 1.0, window: int = 5) -> Bool[Tensor, "trials time"]:
    """True in bins where the population's count exceeds `factor` times its mean over all bins.

    The count is first averaged over `window` bins about each bin, an odd number, fewer at a trial's ends. False beyond
    the trials. Raises `ValueError` for a factor that is not positive and a window that is even or below 1. Used in
    chapters/brainstates/03_recordings.
    """
    if not factor > 0:
        raise ValueError(f"factor: got {factor}, expected a positive number")
    if window < 1 or window % 2 == 0:
        raise ValueError(f"window: got {window}, expected an odd number of bins")
    mask = trials.mask
    smooth = torch.nn.AvgPool1d(window, stride=1, padding=window // 2)
    population = trials.counts.sum(-1).double()
    around = smooth(population[:, None])[:, 0] / smooth(mask.double()[:, None])[:, 0].clamp(min=1 / (2 * window))
    return (around > factor * population.sum() / trials.bins) & mask


def agreement(
    bursts: Bool[Tensor, "trials time"], state: Bool[Tensor, "trials time"], lengths: Int64[Tensor, "trials"]
) -> Agreement:
    """Precision, recall and phi of "the brain is in this state" as a sign of a burst, over the bins of all trials.

    Raises `ValueError` for shapes that differ and lengths beyond the bins. Used in
    chapters/brainstates/03_recordings.
    """
    same_shape(bursts=bursts, state=state)
    if len(lengths) != len(bursts):
        raise ValueError(f"lengths: got {len(lengths)}, expected one for each of the {len(bursts)} trials")
    mask = inside(lengths, bursts.shape[1])
    burst, inside_state = bursts[mask].double(), state[mask].double()
    both, a, b = (burst * inside_state).mean(), burst.mean(), inside_state.mean()
    phi = (both - a * b) / (a * (1 - a) * b * (1 - b)).sqrt()
    return Agreement((both / b).item(), (both / a).item(), phi.item())
