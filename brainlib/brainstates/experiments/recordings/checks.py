"""Does a fitted model look like the recording: its own sense of time, and the intervals between spikes it makes."""

import torch
from jaxtyping import Float64
from torch import Tensor

from brainlib.brainstates.evaluation import interspike_intervals, time_rescaling
from brainlib.brainstates.evaluation.rescaling import RescaledTimes
from brainlib.brainstates.experiments.recordings.fits import Fits
from brainlib.brainstates.simulate import sample_spikes
from brainlib.data import Trials


def rescaled(fits: Fits, family: str, states: int, split: int) -> tuple[RescaledTimes, float]:
    """The rescaled intervals of the block that was held out, and the mean over neurons of the Kolmogorov-Smirnov
    distance from what they would be if the model were true. Used in chapters/brainstates/03_recordings.
    """
    parameters = fits.parameters(family, states, split)
    held_out = fits.part(split, held_out=True).of(family)
    generator = torch.Generator().manual_seed(split)
    found = time_rescaling(parameters, held_out, fits.sample.emission, generator)
    distances = [found.of(neuron).distance for neuron in found.neuron.unique().tolist()]
    return found, sum(distances) / len(distances)


def simulated(fits: Fits, family: str, states: int, split: int, seed: int = 0) -> Trials | None:
    """As many trials as there are, of the longest one's length, that the fitted model makes of itself; None if it runs
    away. Used in chapters/brainstates/03_recordings.
    """
    trials = fits.sample.trials
    try:
        found, _ = sample_spikes(
            fits.parameters(family, states, split),
            fits.sample.emission,
            len(trials),
            trials.counts.shape[1],
            torch.Generator().manual_seed(seed),
            coupling=family != "Poisson HMM",
            bin_ms=trials.bin_ms,
        )
    except ValueError as error:
        if "runs away" not in str(error):
            raise
        return None
    return found


def intervals(trials: Trials, longest: int) -> Float64[Tensor, " intervals"]:
    """The share of intervals between a neuron's spikes that last 0, 1, .. bins, the last also longer; all neurons."""
    found = interspike_intervals(trials, longest).sum(0).double()
    return found / found.sum().clamp(min=1)
