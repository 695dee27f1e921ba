"""What the states of a recording are: how much they tell of what an animal does and of where it runs."""

from statistics import fmean
from typing import Any

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from brainlib.arguments import seeded
from brainlib.brainstates.design import Design
from brainlib.brainstates.inference import hidden_chain, posterior
from brainlib.brainstates.kernels import viterbi
from brainlib.brainstates.parameters import Parameters
from brainlib.data import Trials
from chapters.brainstates.fits import HMM, ONE_HOT, blocks, designed, fit_all, nested
from chapters.brainstates.recordings import EMISSION, UNSEEN, Sample, planned, read

DOING, WHERE = "run, pause or rest", "where it runs"
RATE, OTHERS = "rate, as many levels", "shuffled pieces"
SHUFFLES = 40
WINDOWS = (1, 3, 5, 9, 17, 33)  # bins over which the rate is averaged, to choose from

Labels = Int64[Tensor, "pieces time"]


def state_rates(parameters: Parameters, design: Design) -> Float64[Tensor, "states neurons"]:
    """Mean counts a bin in each state, bins weighted by its posterior probability; 0 in a state that never occurs."""
    shares = posterior(parameters, design, EMISSION).states.flatten(0, 1).double()
    counts = design.counts.flatten(0, 1).double()
    return shares.T @ counts / shares.sum(0).clamp(min=1e-12)[:, None]


def quiet_to_busy(parameters: Parameters, design: Design) -> Int64[Tensor, " states"]:
    """The states in the order of the population's mean count in them."""
    return state_rates(parameters, design).sum(-1).argsort()


def decode(parameters: Parameters, design: Design, order: Int64[Tensor, " states"]) -> Labels:
    """Viterbi's path, states numbered by their place in `order`."""
    return order.argsort()[viterbi(*hidden_chain(parameters, design, EMISSION))]


def parts(sample: Sample, setting: Any, found: dict[str, Any], block: int) -> tuple[Trials, Trials, Tensor, Tensor]:
    """What a fit has seen and what was held out, with its neurons; and the places of the pieces of either."""
    rest, chooses, held_out = nested(sample, setting, block)
    seen = torch.cat((rest, chooses)).sort().values
    counts = sample.trials.counts[..., torch.as_tensor(found["neurons"])]
    whole = Trials(counts, sample.trials.lengths, sample.trials.bin_ms)
    return whole.pick(seen), whole.pick(held_out), seen, held_out


def path(name: str, found: dict[str, Any], seen: Trials, trials: Trials) -> Labels:
    """The states of a fit in some trials, from quiet to busy in what it has seen."""
    parameters = Parameters(*(torch.as_tensor(found[field]) for field in Parameters._fields))
    return decode(parameters, designed(name, trials), quiet_to_busy(parameters, designed(name, seen)))


def information(states: Labels, labels: Labels) -> float:
    """The share of what there is to know about a label that the state of its bin tells: their mutual information over
    the entropy of the labels, from 0 to 1. Bins whose label is `UNSEEN` are left out.
    """
    known = labels != UNSEEN
    states, labels = states[known], labels[known]
    joint = torch.zeros(int(states.max()) + 1, int(labels.max()) + 1, dtype=torch.float64)
    joint.index_put_((states, labels), torch.tensor(1 / len(labels), dtype=torch.float64), accumulate=True)
    both, state, label = (-torch.special.xlogy(p, p).sum() for p in (joint, joint.sum(1), joint.sum(0)))
    return float((state + label - both) / label)


def by_chance(states: Labels, labels: Labels) -> float:
    """The same where the labels of all pieces change places at random, mean over `SHUFFLES`: what chance, and the way
    both change within a piece, would give.
    """
    orders = (torch.randperm(len(states), generator=seeded(draw)) for draw in range(SHUFFLES))
    return fmean(information(states, labels[order]) for order in orders)


def averaged(trials: Trials, window: int) -> Float64[Tensor, "pieces time"]:
    """The population's count, the mean over an odd number of bins around each, fewer at the ends."""
    mean = torch.nn.AvgPool1d(window, stride=1, padding=window // 2, count_include_pad=False)
    return mean(trials.counts.sum(-1).double()[:, None])[:, 0]


def rate_levels(seen: Trials, unseen: Trials, labels: Labels, levels: int) -> Labels:
    """The rival of states: the population's rate, cut into as many levels, each as frequent as any other in what is
    seen. It is helped: the window of its average is the one whose levels tell most of the `labels` there.
    """

    def cut(trials: Trials, window: int) -> Labels:
        at = torch.arange(1, levels, dtype=torch.float64) / levels
        return torch.bucketize(averaged(trials, window), averaged(seen, window).quantile(at))

    return cut(unseen, max(WINDOWS, key=lambda window: information(cut(seen, window), labels)))


def told(profile: str, seed: int) -> dict[str, dict[str, list[float]]]:
    """By question and by who tells it, `information` in every block of the hippocampus that is held out.

    The tellers are two models' states and the rate, in as many levels as the first has states; of each the same beside
    the labels of `OTHERS`, pieces at random.
    """
    setting, fits = planned(profile)["hippocampus"], fit_all(profile, seed)["hippocampus"]
    sample = read(setting)
    answers: dict[str, dict[str, list[float]]] = {DOING: {}, WHERE: {}}
    for block, hmm, one_hot in zip(blocks(profile, seed), fits[HMM], fits[ONE_HOT], strict=True):
        seen, unseen, *places = parts(sample, setting, hmm, block)
        paths = {HMM: path(HMM, hmm, seen, unseen)}
        paths[ONE_HOT] = path(ONE_HOT, one_hot, *parts(sample, setting, one_hot, block)[:2])
        for question, labels in ((DOING, sample.behaviour), (WHERE, sample.stretch)):
            before, now = (labels[pieces] for pieces in places)
            some = (now != UNSEEN).any(-1)
            tellers = paths | {RATE: rate_levels(seen, unseen, before, hmm["states"])}
            for name, states in tellers.items():
                own = {name: information(states, now)}
                own[f"{name}, {OTHERS}"] = by_chance(states[some], now[some])
                for teller, share in own.items():
                    answers[question].setdefault(teller, []).append(share)
    return answers


def beyond_the_rate(answers: dict[str, list[float]], others: bool = False) -> list[float]:
    """How much more the states tell than the rate; with `others`, of the labels of shuffled pieces."""
    end = f", {OTHERS}" if others else ""
    return [states - rate for states, rate in zip(answers[f"{HMM}{end}"], answers[f"{RATE}{end}"], strict=True)]


def tour(sample: Sample, states: Labels, bins: int = 12) -> Float64[Tensor, "states places"]:
    """The share of the time at each part of the track in which the animal runs that is spent in each state."""
    where = (sample.place * bins).nan_to_num().long().clamp(0, bins - 1)
    runs = sample.stretch != UNSEEN
    count = torch.zeros(int(states.max()) + 1, bins, dtype=torch.float64)
    count.index_put_((states[runs], where[runs]), torch.tensor(1.0, dtype=torch.float64), accumulate=True)
    return count / count.sum(0).clamp(min=1)
