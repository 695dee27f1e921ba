"""Leaky integrate-and-fire networks in which every synapse and every state is known.

A millisecond of neuron n, whose membrane is at V_n, 0 at rest and 1 at the threshold:

    V_n <- r V_n + (1 - r) (drive_z + c_n u) + noise + sum over n' of g_z J_{n<-n', z} spike_{n'}(t - delay_{n<-n'})

with r = e^(-1/20). At the threshold it fires, goes back to 0 and stays there for 3 ms. u is an input that all neurons
share, an Ornstein-Uhlenbeck process of 30 ms; c_n, from 0 to `common`, is how strongly n hears it. Noise is its own.

The state z is one of two and is left after a second on average. It sets the drive, a gain g for all synapses, and which
of them work: a third are silent in the one state, a third in the other. A neuron excites or inhibits, never both.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from brainlib.data import Trials

TAU_MS, COMMON_MS, REFRACTORY_MS, DWELL_MS = 20, 30, 3, 1000
DELAYS_MS = (3, 4, 5, 6)
DRIVE, GAIN = (0.65, 0.9), (1.0, 0.6)  # by state
NOISE = 0.2  # the deviation that noise alone would give V
INHIBITORY = 5  # every fifth neuron
TRIAL_MS, BIN_MS = 4998, 3


@dataclass(frozen=True)
class Network:
    """`neurons`, the share `connected` of their ordered pairs, the median J of an excitatory synapse (`strength`; an
    inhibitory one is three times as strong), and the input that they share.
    """

    neurons: int = 40
    connected: float = 0.15
    strength: float = 0.12
    common: float = 0.3


class Recorded(NamedTuple):
    """`trials` of 5 s, the `states` of their bins, and `synapses[n, n']`, from n' to n: 1, -1, or 0 for none."""

    trials: Trials
    states: Int64[Tensor, "trials time"]
    synapses: Int64[Tensor, "neurons neurons"]

    def first(self, neurons: int) -> "Recorded":
        """As if the others were hidden."""
        counts = self.trials.counts[..., :neurons]
        trials = Trials.from_sequences(list(counts), self.trials.bin_ms)
        return Recorded(trials, self.states, self.synapses[:neurons, :neurons])


def simulate(network: Network, minutes: float, seed: int) -> Recorded:
    """So many minutes of a network of its own, in trials side by side."""
    random = np.random.default_rng(seed)
    N, B = network.neurons, max(1, round(minutes * 60_000 / TRIAL_MS))
    signs = np.where(np.arange(N) % INHIBITORY == INHIBITORY - 1, -1, 1)
    synapses = (random.random((N, N)) < network.connected) * signs
    np.fill_diagonal(synapses, 0)
    strengths = network.strength * np.where(synapses < 0, 3, 1) * random.lognormal(0, 0.5, (N, N)) * synapses
    silent, delays = random.integers(3, size=(N, N)), random.choice(DELAYS_MS, (N, N))  # silent in state 2: in none
    arrows = [
        np.concatenate([(GAIN[z] * strengths * (silent != z) * (delays == d)).T for d in DELAYS_MS]) for z in (0, 1)
    ]
    heard = random.uniform(0, network.common, N)
    states = np.logical_xor.accumulate(random.random((TRIAL_MS, B)) < 1 / DWELL_MS)
    spikes = _spikes(arrows, heard, states, random)
    bins = spikes.reshape(-1, BIN_MS, B, N).sum(1).transpose(1, 0, 2)
    trials = Trials.from_sequences(list(bins), float(BIN_MS))
    return Recorded(trials, torch.from_numpy(states[::BIN_MS].T.astype(np.int64)), torch.from_numpy(synapses))


def _spikes(arrows: list[np.ndarray], heard: np.ndarray, states: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The equation of the module: 0 or 1, [ms, trials, neurons]."""
    (T, B), N, past = states.shape, len(heard), max(DELAYS_MS)
    keep, keep_common = np.exp(-1 / TAU_MS), np.exp(-1 / COMMON_MS)
    noise, common_noise = NOISE * np.sqrt(1 - keep**2), np.sqrt(1 - keep_common**2)
    spikes = np.zeros((past + T, B, N))
    v, common, rest = random.random((B, N)), random.normal(size=(B, 1)), np.zeros((B, N))
    for t, state in enumerate(states[..., None]):
        arriving = np.concatenate([spikes[past + t - d] for d in DELAYS_MS], 1)
        synaptic = np.where(state, arriving @ arrows[1], arriving @ arrows[0])
        common = keep_common * common + common_noise * random.normal(size=(B, 1))
        drive = np.where(state, DRIVE[1], DRIVE[0]) + common * heard
        v = keep * v + (1 - keep) * drive + noise * random.normal(size=(B, N)) + synaptic
        v[rest > 0] = 0
        spikes[past + t] = fired = v >= 1
        v[fired] = 0
        rest = np.where(fired, REFRACTORY_MS, rest - 1)
    return spikes[past:]


def rewired(
    synapses: Int64[Tensor, "neurons neurons"], random: np.random.Generator
) -> Int64[Tensor, "neurons neurons"]:
    """Other synapses, as many to and from every neuron: again and again two of them exchange their targets."""
    new = synapses.numpy().copy()
    for _ in range(20 * np.count_nonzero(new)):
        (to, source), (other_to, other) = np.argwhere(new)[random.integers(np.count_nonzero(new), size=2)]
        if to != other and other_to != source and not new[other_to, source] and not new[to, other]:
            new[other_to, source], new[to, other] = new[to, source], new[other_to, other]
            new[to, source] = new[other_to, other] = 0
    return torch.from_numpy(new)
