"""What the states of a recording are: waves, places, behaviour; whether a fitted model keeps the recording's time."""

import functools
from statistics import fmean

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from brainlib.brainstates.design import Design
from brainlib.brainstates.evaluation import summarise_states
from brainlib.brainstates.inference import hidden_chain, posterior
from brainlib.brainstates.kernels import viterbi
from brainlib.brainstates.parameters import Parameters
from brainlib.brainstates.rescaling import time_rescaling
from brainlib.data import Trials
from chapters.brainstates.fits import Fits, fit_all
from chapters.brainstates.recordings import EMISSION, UNSEEN

BURST_MS = 500.0  # over which, at most, the population's count is averaged before it is called a burst
BUSY = 2.0  # times its mean rate, and a neuron is busy


def state_rates(parameters: Parameters, design: Design) -> Float64[Tensor, "states neurons"]:
    """Mean counts a bin in each state, bins weighted by its posterior probability; 0 in a state that never occurs."""
    shares = posterior(parameters, design, EMISSION).states.flatten(0, 1).double()
    counts = design.counts.flatten(0, 1).double()
    return shares.T @ counts / shares.sum(0).clamp(min=1e-12)[:, None]


def quiet_to_busy(parameters: Parameters, design: Design) -> Int64[Tensor, " states"]:
    """The states in the order of the population's mean count in them."""
    return state_rates(parameters, design).sum(-1).argsort()


def decode(parameters: Parameters, design: Design, order: Int64[Tensor, " states"]) -> Int64[Tensor, "trials time"]:
    """Viterbi's path, states numbered by their place in `order`; -1 beyond a trial's end."""
    path = viterbi(*hidden_chain(parameters, design, EMISSION))
    return torch.where(path < 0, -1, order.argsort()[path.clamp(min=0)])


def held_out_path(fits: Fits, family: str, states: int, split: int) -> Int64[Tensor, "trials time"]:
    """Viterbi's path through a held-out block, states from quiet to busy."""
    parameters = fits.parameters(family, states, split)
    seen, held_out = (fits.design(family, split, held) for held in (False, True))
    return decode(parameters, held_out, quiet_to_busy(parameters, seen))


# ---- Waves: bursts of the whole population, by a threshold that knows no model ----


def bursts(trials: Trials) -> Bool[Tensor, "trials time"]:
    """Bins in which the population's count, averaged over half a second, exceeds its mean: no model is asked.

    Averages are over an odd number of bins, at most half a second, fewer at a trial's ends.
    """
    bins = max(1, int(BURST_MS / trials.bin_ms))
    window = bins - (bins + 1) % 2
    smooth = torch.nn.AvgPool1d(window, stride=1, padding=window // 2)
    population, mask = trials.counts.sum(-1).double(), trials.mask
    around = smooth(population[:, None])[:, 0] / smooth(mask.double()[:, None])[:, 0].clamp(min=1 / (2 * window))
    return (around > population.sum() / trials.bins) & mask


def wave_state(path: Int64[Tensor, "trials time"], trials: Trials) -> dict[str, float]:
    """The busier of a path's two states, 0 being the quieter, against bursts; NaN where there is nothing to count.

    - `precision`: the share of the state's bins that lie in a burst, `recall`: of the bursts' bins that lie in the
      state, `phi`: the correlation of the two, 1 if they are the same, 0 by chance;
    - `wave_ms`, `silence_ms`: mean visits of the busier and the quieter state.
    """
    burst, inside = bursts(trials)[trials.mask].double(), (path == 1)[trials.mask].double()
    both, a, b = (burst * inside).mean(), burst.mean(), inside.mean()
    phi = (both - a * b) / (a * (1 - a) * b * (1 - b)).sqrt()
    silence_ms, wave_ms = summarise_states(path, trials, 2).dwell_ms.tolist()
    return {
        "precision": (both / b).item(),
        "recall": (both / a).item(),
        "phi": phi.item(),
        "wave_ms": wave_ms,
        "silence_ms": silence_ms,
    }


def waves(fits: Fits, seed: int) -> dict[str, list[dict[str, float]]]:
    """By family, `wave_state` of each split, with two states."""
    splits = fits.setting.splits(seed)
    held_out = {k: fits.sample.trials.pick(fits.places(k, held_out=True)) for k in splits}
    return {
        family: [wave_state(held_out_path(fits, family, 2, k), held_out[k]) for k in splits]
        for family in ("Poisson HMM", "GHG")
    }


# ---- Places ----


def nearness(
    rates: Float64[Tensor, "states neurons"],
    share: Float64[Tensor, "states"],
    positions_um: Float64[Tensor, "neurons 2"],
) -> list[float]:
    """The mean distance of the neurons that are busy in a state, over that of all neurons, which is what places
    shuffled among the neurons would give on average; of the states with three busy neurons or more.

    A neuron is busy where its rate is at least twice its mean over time, of which `share` is each state's part. Pairs
    on one electrode are left out.
    """
    distances = (positions_um[:, None] - positions_um).norm(dim=-1)
    apart = distances > 0
    mean = share @ rates
    found = []
    for busy in (rates >= BUSY * mean) & (mean > 0):
        pairs = apart & busy & busy[:, None]
        if busy.sum() >= 3 and pairs.any():
            found.append(float(distances[pairs].mean() / distances[apart].mean()))
    return found


def places(fits: Fits, states: int, split: int) -> tuple[Float64[Tensor, "states neurons"], list[float]]:
    """Where the neurons lie that are busy in the states of the Poisson HMM, which go from quiet to busy: binary
    logarithms of rates in a state over their mean, and `nearness`.
    """
    parameters, part = fits.parameters("Poisson HMM", states, split), fits.design("Poisson HMM", split, held_out=False)
    rates = state_rates(parameters, part)
    share = posterior(parameters, part, EMISSION).states[part.mask].double().mean(0)
    order = rates.sum(-1).argsort()
    ratio = (rates / (share @ rates))[order].clamp(0.05, 20).log2()
    return ratio, nearness(rates[order], share[order], fits.sample.positions_um)


# ---- Behaviour ----


def information(path: Int64[Tensor, "pieces time"], behaviour: Int64[Tensor, "pieces time"]) -> float:
    """The share of what there is to know about behaviour in a bin that the state of the bin tells: their mutual
    information over the entropy of behaviour, from 0 to 1. Bins in which behaviour is `UNSEEN` are left out.
    """
    seen = behaviour != UNSEEN
    path, behaviour = path[seen], behaviour[seen]
    joint = torch.zeros(int(path.max()) + 1, int(behaviour.max()) + 1, dtype=torch.float64)
    joint.index_put_((path, behaviour), torch.tensor(1 / len(path), dtype=torch.float64), accumulate=True)
    both, state, done = (-torch.special.xlogy(p, p).sum() for p in (joint, joint.sum(1), joint.sum(0)))
    return float((state + done - both) / done)


def by_chance(path: Int64[Tensor, "pieces time"], behaviour: Int64[Tensor, "pieces time"]) -> float:
    """The same where every piece's path is laid beside the behaviour of another piece, mean over all shifts: what
    chance, and the way both change within a piece, would give.
    """
    return fmean(information(path, behaviour.roll(shift, 0)) for shift in range(1, len(path)))


THREE, TWO = "run, pause, rest", "run, pause"
BEHAVIOUR_STATES = 4


def behaviour(fits: Fits, seed: int) -> dict[str, dict]:
    """How much the states of the Poisson HMM tell of behaviour: `told` by its own piece and by `other pieces`.

    Both by question, a number a split.
    """
    told, other = ({THREE: [], TWO: []} for _ in range(2))
    for k in fits.setting.splits(seed):
        path = held_out_path(fits, "Poisson HMM", BEHAVIOUR_STATES, k)
        done = fits.sample.behaviour[fits.places(k, held_out=True)]
        track = (done != 0).any(-1)
        for question, pieces in ((THREE, ...), (TWO, track)):
            told[question].append(information(path[pieces], done[pieces]))
            other[question].append(by_chance(path[pieces], done[pieces]))
    return {"told": told, "other pieces": other}


# ---- Does a fitted model look like the recording? ----

TRIED = {
    "GLM": ("HG", 1),
    "GLM-L1": ("HG-L1", 1),
    "Poisson HMM, 2 states": ("Poisson HMM", 2),
    "GHG, 2 states": ("GHG", 2),
    "HG-L1, 2 states": ("HG-L1", 2),
    "OHG, 2 states": ("OHG", 2),
}


def rescaled(fits: Fits, family: str, states: int, split: int) -> float:
    """The mean over neurons of the Kolmogorov-Smirnov distance of rescaled intervals in the block that was held out
    from what they would be if the model were true.
    """
    held_out = fits.design(family, split, held_out=True)
    generator = torch.Generator().manual_seed(split)
    found = time_rescaling(fits.parameters(family, states, split), held_out, EMISSION, generator)
    return fmean(found.of(neuron).statistic for neuron in found.neuron.unique().tolist())


@functools.cache
def rescaling(profile: str, seed: int) -> dict[str, list[float]]:
    """`rescaled` of the retinal waves by the names of `TRIED`, a distance a split."""
    fits = fit_all(profile, seed)["waves"]
    return {name: [rescaled(fits, *model, k) for k in fits.setting.splits(seed)] for name, model in TRIED.items()}
