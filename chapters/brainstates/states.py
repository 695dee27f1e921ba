"""What the states of a recording are: waves, places, behaviour; and whether a fitted model looks like the recording."""

import functools
import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from brainlib.brainstates.design import Design
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.evaluation import same_shape, summarise_states
from brainlib.brainstates.inference import log_emission, posterior
from brainlib.brainstates.kernels import viterbi
from brainlib.brainstates.parameters import Parameters
from brainlib.brainstates.rescaling import RescaledTimes, time_rescaling
from brainlib.brainstates.simulate import sample_spikes
from brainlib.data import Trials
from chapters.brainstates.fits import Fits, fit_all
from chapters.brainstates.recordings import UNSEEN

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

    Averages are over an odd number of bins, at most half a second.
    """
    bins = max(1, int(BURST_MS / trials.bin_ms))
    return population_bursts(trials, window=bins - (bins + 1) % 2)


def wave_state(path: Int64[Tensor, "trials time"], trials: Trials) -> WaveState:
    """Of a path of two states, 0 the quieter; NaN where a state never occurs."""
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
    on one electrode are left out.
    """
    distances = (positions_um[:, None].double() - positions_um.double()).norm(dim=-1)
    apart = distances > 0
    mean = share @ rates
    found = []
    for busy in (rates >= BUSY * mean) & (mean > 0):
        pairs = apart & busy & busy[:, None]
        enough = int(busy.sum()) >= 3 and bool(pairs.any())
        found.append(float(distances[pairs].mean() / distances[apart].mean()) if enough else math.nan)
    return torch.tensor(found, dtype=torch.float64)


class Places(NamedTuple):
    """Where states are: `log2_ratio[s, n]` is the rate in a state over its mean, states from quiet to busy."""

    log2_ratio: Float64[Tensor, "states neurons"]
    nearness: list[float]  # as `nearness`, of the states with enough busy neurons


def places(fits: Fits, states: int, split: int) -> Places:
    """Where the neurons lie that are busy in the states of the Poisson HMM."""
    part = fits.part(split, held_out=False).uncoupled
    parameters, emission = fits.parameters("Poisson HMM", states, split), fits.sample.emission
    rates = state_rates(parameters, part, emission)
    share = posterior(parameters, part, emission).states[part.mask].double().mean(0)
    order = rates.sum(-1).argsort()
    near = nearness(rates[order], share[order], fits.sample.positions_um)
    ratio = (rates / (share @ rates))[order].clamp(0.05, 20).log2()
    return Places(ratio, near[near.isfinite()].tolist())


def held_out_path(fits: Fits, family: str, states: int, split: int) -> Int64[Tensor, "trials time"]:
    """Viterbi's path through a held-out block, states from quiet to busy."""
    parameters, emission = fits.parameters(family, states, split), fits.sample.emission
    seen, held_out = (fits.part(split, held).of(family) for held in (False, True))
    return decode(parameters, held_out, emission, quiet_to_busy(parameters, seen, emission))


def waves(fits: Fits, seed: int) -> dict[str, list[dict[str, float]]]:
    """By family, `WaveState` of each split, with two states."""
    splits = fits.setting.splits(seed)
    held_out = {k: fits.sample.trials.pick(fits.places(k, held_out=True)) for k in splits}
    return {
        family: [wave_state(held_out_path(fits, family, 2, k), held_out[k])._asdict() for k in splits]
        for family in ("Poisson HMM", "GHG")
    }


# ---- Bursts of the whole population, by a threshold that knows no model ----


class Agreement(NamedTuple):
    """How well a state says when bursts are; NaN where a share has nothing to be taken of."""

    precision: float  # the share of the state's bins that lie in a burst
    recall: float  # the share of the bursts' bins that lie in the state
    phi: float  # the correlation of the two, 1 if they are the same, 0 by chance


def population_bursts(trials: Trials, factor: float = 1.0, window: int = 5) -> Bool[Tensor, "trials time"]:
    """True in bins where the population's count exceeds `factor` times its mean over all bins.

    The count is first averaged over `window` bins about each bin, an odd number, fewer at a trial's ends. False beyond
    the trials. Raises `ValueError` for a factor that is not positive and a window that is even or below 1.
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

    Raises `ValueError` for shapes that differ.
    """
    same_shape(bursts=bursts, state=state)
    if len(lengths) != len(bursts):
        raise ValueError(f"lengths: got {len(lengths)}, expected one for each of the {len(bursts)} trials")
    mask = torch.arange(bursts.shape[1]) < lengths[:, None]
    burst, inside_state = bursts[mask].double(), state[mask].double()
    both, a, b = (burst * inside_state).mean(), burst.mean(), inside_state.mean()
    phi = (both - a * b) / (a * (1 - a) * b * (1 - b)).sqrt()
    return Agreement((both / b).item(), (both / a).item(), phi.item())


# ---- Behaviour ----


def information(path: Int64[Tensor, "pieces time"], behaviour: Int64[Tensor, "pieces time"]) -> float:
    """The share of what there is to know about behaviour in a bin that the state of the bin tells: their mutual
    information over the entropy of behaviour, from 0 to 1. Bins in which behaviour is `UNSEEN` are left out.

    Raises `ValueError` for shapes that differ and behaviour that never changes.
    """
    same_shape(path=path, behaviour=behaviour)
    seen = behaviour != UNSEEN
    path, behaviour = path[seen], behaviour[seen]
    if len(behaviour.unique()) < 2:
        raise ValueError("behaviour: got the same in all bins, expected two kinds at least")
    columns = int(behaviour.max()) + 1
    joint = torch.bincount(path * columns + behaviour).double()
    joint = torch.nn.functional.pad(joint, (0, -len(joint) % columns)).view(-1, columns) / len(path)
    both, state, done = (-torch.special.xlogy(p, p).sum() for p in (joint, joint.sum(1), joint.sum(0)))
    return float((state + done - both) / done)


def by_chance(path: Int64[Tensor, "pieces time"], behaviour: Int64[Tensor, "pieces time"]) -> float:
    """The same where every piece's path is laid beside the behaviour of another piece, mean over all shifts: what
    chance, and the way both change within a piece, would give.

    Raises `ValueError` as `information`, and for a single piece.
    """
    if len(path) < 2:
        raise ValueError(f"path: got {len(path)} pieces, expected 2 at least")
    found = [information(path, behaviour.roll(shift, 0)) for shift in range(1, len(path))]
    return sum(found) / len(found)


THREE, TWO = "run, pause, rest", "run, pause"
BEHAVIOUR_STATES = 4


def behaviour(fits: Fits, seed: int) -> dict[str, dict]:
    """How much the states of the Poisson HMM tell of behaviour: `told` by its own piece and by `other pieces`.

    Both by question, a number a split; `shares[k][s][d]` of time in state s while the animal does d.
    """
    told, other = ({THREE: [], TWO: []} for _ in range(2))
    shares = []
    for k in fits.setting.splits(seed):
        path = held_out_path(fits, "Poisson HMM", BEHAVIOUR_STATES, k)
        done = fits.sample.behaviour[fits.places(k, held_out=True)]
        track = (done != 0).any(-1)
        for question, pieces in ((THREE, ...), (TWO, track)):
            told[question].append(information(path[pieces], done[pieces]))
            other[question].append(by_chance(path[pieces], done[pieces]))
        counted = torch.tensor(
            [[int(((path == s) & (done == d)).sum()) for d in range(3)] for s in range(BEHAVIOUR_STATES)]
        )
        shares.append((counted.double() / counted.sum()).tolist())
    return {"told": told, "other pieces": other, "shares": shares}


# ---- Does a fitted model look like the recording? ----

TRIED = (("HG", 1), ("HG-L1", 1), ("Poisson HMM", 2), ("GHG", 2), ("HG-L1", 2), ("OHG", 2))
TRIED_NAMES = {("HG", 1): "GLM", ("HG-L1", 1): "GLM-L1"} | {(f, s): f"{f}, {s} states" for f, s in TRIED[2:]}


def rescaled(fits: Fits, family: str, states: int, split: int) -> tuple[RescaledTimes, float]:
    """The rescaled intervals of the block that was held out, and the mean over neurons of the Kolmogorov-Smirnov
    distance from what they would be if the model were true.
    """
    parameters = fits.parameters(family, states, split)
    held_out = fits.part(split, held_out=True).of(family)
    generator = torch.Generator().manual_seed(split)
    found = time_rescaling(parameters, held_out, fits.sample.emission, generator)
    distances = [found.of(neuron).statistic for neuron in found.neuron.unique().tolist()]
    return found, sum(distances) / len(distances)


def simulated(fits: Fits, family: str, states: int, split: int, seed: int = 0) -> Trials | None:
    """As many trials as there are, of the longest one's length, that the fitted model makes of itself; None if it runs
    away.
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


@functools.cache
def rescaling(profile: str, seed: int) -> dict[str, list[tuple[RescaledTimes, float]]]:
    """`rescaled` of the retinal waves by the names of `TRIED`, a pair a split."""
    fits = fit_all(profile, seed)["waves"]
    return {
        TRIED_NAMES[model]: [rescaled(fits, *model, split) for split in fits.setting.splits(seed)] for model in TRIED
    }


def intervals(trials: Trials, longest: int) -> Float64[Tensor, " intervals"]:
    """The share of intervals between a neuron's spikes that last 0, 1, .. bins, the last also longer; all neurons."""
    found = interspike_intervals(trials, longest).sum(0).double()
    return found / found.sum().clamp(min=1)


def interspike_intervals(trials: Trials, longest: int) -> Int64[Tensor, "neurons intervals"]:
    """Histogram of each neuron's intervals between successive spikes, within trials: column k holds those of k bins.

    Column 0 holds spikes that share a bin with the one before; the last, `longest`, longer intervals too. Raises
    `ValueError` for a longest below 1.
    """
    if longest < 1:
        raise ValueError(f"longest: got {longest}, expected at least 1 bin")
    counts, N = trials.counts, trials.neurons
    trial, neuron, time = (counts > 0).transpose(1, 2).nonzero().T
    train = trial * N + neuron
    same = train.diff() == 0
    bins = time.diff()[same].clamp(max=longest)
    found = torch.bincount(neuron[1:][same] * (longest + 1) + bins, minlength=N * (longest + 1)).view(N, longest + 1)
    found[:, 0] += (counts.long() - 1).clamp(min=0).sum((0, 1))
    return found
