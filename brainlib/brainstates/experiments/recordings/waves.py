"""States of a recording with waves: which is the wave, how long it lasts, and where a state's busy neurons lie."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from brainlib.brainstates.design import Design
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.evaluation import agreement, pair_distances, population_bursts, summarise_states
from brainlib.brainstates.inference import log_emission, posterior
from brainlib.brainstates.kernels import viterbi
from brainlib.brainstates.parameters import Parameters
from brainlib.data import Trials

BURST_MS = 500.0  # over which, at most, the population's count is averaged before it is called a burst
BUSY = 2.0  # times its mean rate, and a neuron is busy


class WaveState(NamedTuple):
    """The busier of two states against the population's bursts, and the states' dwell times."""

    precision: float
    recall: float
    phi: float
    wave_ms: float
    silence_ms: float
    share: float  # of time in the busier state
    wave_count: float  # spikes a bin, all neurons
    silence_count: float


def state_rates(parameters: Parameters, design: Design, emission: Emission) -> Float64[Tensor, "states neurons"]:
    """Mean counts a bin in each state, bins weighted by its posterior probability; 0 in a state that never occurs."""
    shares = posterior(parameters, design, emission).states.flatten(0, 1).double()
    counts = design.counts.flatten(0, 1).double()
    return shares.T @ counts / shares.sum(0).clamp(min=1e-12)[:, None]


def quiet_to_busy(parameters: Parameters, design: Design, emission: Emission) -> Int64[Tensor, " states"]:
    """The states in the order of the population's mean count in them."""
    return state_rates(parameters, design, emission).sum(-1).argsort()


def decode(
    parameters: Parameters, design: Design, emission: Emission, order: Int64[Tensor, " states"]
) -> Int64[Tensor, "trials time"]:
    """Viterbi's path, states numbered by their place in `order`; -1 beyond a trial's end."""
    evidence = log_emission(parameters, design, emission)
    chain = parameters.to(evidence.dtype)
    path = viterbi(evidence, chain.log_transition, chain.log_initial, design.lengths)
    return torch.where(path < 0, -1, order.argsort()[path.clamp(min=0)])


def bursts(trials: Trials) -> Bool[Tensor, "trials time"]:
    """Bins in which the population's count, averaged over half a second, exceeds its mean: no model is asked.

    Averages are over an odd number of bins, at most half a second. Used in chapters/brainstates/03_recordings.
    """
    bins = max(1, int(BURST_MS / trials.bin_ms))
    return population_bursts(trials, window=bins - (bins + 1) % 2)


def wave_state(path: Int64[Tensor, "trials time"], trials: Trials) -> WaveState:
    """Of a path of two states, 0 the quieter; NaN where a state never occurs.

    Used in chapters/brainstates/03_recordings. Raises `ValueError` as `summarise_states` does.
    """
    found = agreement(bursts(trials), path == 1, trials.lengths)
    about = summarise_states(path, trials, 2)
    silence_ms, wave_ms = about.dwell_ms.tolist()
    silence_count, wave_count = about.counts.tolist()
    return WaveState(*found, wave_ms, silence_ms, float(about.share[1]), wave_count, silence_count)


def nearness(
    rates: Float64[Tensor, "states neurons"],
    share: Float64[Tensor, "states"],
    positions_um: Float64[Tensor, "neurons 2"],
) -> Float64[Tensor, "states"]:
    """The mean distance of the neurons that are busy in a state, over that of all neurons, which is what places
    shuffled among the neurons would give on average; NaN for a state with fewer than three busy neurons.

    A neuron is busy where its rate is at least twice its mean over time, of which `share` is each state's part. Pairs
    on one electrode are left out. Used in chapters/brainstates/03_recordings.
    """
    distances = pair_distances(positions_um)
    apart = distances > 0
    mean = share @ rates
    found = []
    for busy in (rates >= BUSY * mean) & (mean > 0):
        pairs = apart & busy & busy[:, None]
        enough = int(busy.sum()) >= 3 and bool(pairs.any())
        found.append(float(distances[pairs].mean() / distances[apart].mean()) if enough else math.nan)
    return torch.tensor(found, dtype=torch.float64)
