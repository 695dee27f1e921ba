"""Inference in scaled probabilities: trials laid out for the lanes of `compiled.py`, and what it finds summed by trial.

There are as many lanes as fit in a vector. They take a trial each where that keeps them busy; where trials are few, or
some much longer than others, pieces of trials (README.md).
"""

from typing import NamedTuple

import numpy as np
import torch

from brainlib.brainstates.kernels import compiled, wide
from brainlib.brainstates.kernels.threads import in_threads
from brainlib.lanes import VECTOR_BYTES

LONGEST = 1024  # steps of a piece, where trials are cut: what a group of them needs stays in the cache of a core
SHORTEST = 64  # below, beginning a piece costs as much as its steps
FEW, MANY = 8, 32  # states: beyond, `wide.py` is faster, where lanes would be idle and where not
EXTRA = 1 / 6  # what cutting adds to the work of a bin, times the number of states


class Plan(NamedTuple):
    slots: np.ndarray  # [groups, lanes, 3]: trial, first bin, number of bins (0: nothing), longest first
    order: np.ndarray  # [pieces]: places among all lanes, trial by trial and in the order of time
    cut: bool


def plan(trials: np.ndarray, lengths: np.ndarray, states: int, lanes: int, threads: int) -> Plan:
    """Trials of those lengths as groups of pieces, so that `threads` threads have done them soonest."""
    whole = -np.sort(-lengths)[::lanes]  # steps of each group, were no trial cut
    bins = int(lengths.sum())
    steps, steps_cut = max(whole.sum() / threads, whole[0]), (1 + EXTRA * states) * bins / (lanes * threads)
    cut = bool(steps_cut < steps and whole[0] >= 2 * SHORTEST)
    size = whole[0]
    if cut:
        groups = threads * -(-bins // (lanes * threads * LONGEST))
        size = max(SHORTEST, -(-bins // (lanes * groups)))
    pieces = -(-lengths // size)  # of each trial
    of = np.repeat(np.arange(len(trials)), pieces)
    k = np.arange(len(of)) - np.repeat(pieces.cumsum() - pieces, pieces)
    first, end = lengths[of] * k // pieces[of], lengths[of] * (k + 1) // pieces[of]
    longest_first = np.argsort(first - end, kind="stable")
    slots = np.zeros((-(-len(of) // lanes) * lanes, 3), np.int64)
    slots[: len(of)] = np.stack((trials[of], first, end - first), 1)[longest_first]
    return Plan(slots.reshape(-1, lanes, 3), np.argsort(longest_first), cut)


def forward_backward(
    chosen, log_emission, log_transition, log_initial, lengths, states, transitions, log_likelihood
) -> None:
    """Fills in what is known of the trials `chosen`; there the other arrays are 0."""
    if one_by_one(len(chosen), log_emission):
        chain = log_emission, log_transition, log_initial, lengths
        in_threads(wide.forward_backward, chosen, *chain, states, transitions, log_likelihood)
        return
    rows, slots, ends = lay_out(chosen, log_emission, log_transition, log_initial, lengths)
    counts, nats = np.zeros((*ends[0].shape, log_emission.shape[2])), np.zeros(slots.shape[:2])
    in_threads(compiled.forward_backward, np.arange(len(slots)), *rows, slots, *ends, flat(states), counts, nats)
    trial = slots[:, :, 0]
    np.add.at(transitions, trial, counts * np.exp(log_transition[trial]))
    np.add.at(log_likelihood, trial, nats)


def filter_states(chosen, log_emission, log_transition, log_initial, lengths, states, log_likelihood) -> None:
    if one_by_one(len(chosen), log_emission):
        chain = log_emission, log_transition, log_initial, lengths
        in_threads(wide.filter_states, chosen, *chain, states, log_likelihood)
        return
    rows, slots, (prior, *_) = lay_out(chosen, log_emission, log_transition, log_initial, lengths)
    nats = np.zeros(slots.shape[:2])
    in_threads(compiled.filter_states, np.arange(len(slots)), *rows, slots, prior, flat(states), nats)
    np.add.at(log_likelihood, slots[:, :, 0], nats)


def one_by_one(trials: int, log_emission: np.ndarray) -> bool:
    """Whether so many trials are better done by `wide.py`."""
    idle = 2 * trials < VECTOR_BYTES // log_emission.itemsize * torch.get_num_threads()
    return log_emission.shape[2] > (FEW if idle else MANY)


def lay_out(chosen, log_emission, log_transition, log_initial, lengths):
    """The chain as rows, the groups' slots, and what each lane's piece must know of its trial [groups, lanes, S]: p(z)
    at its first bin given what is before, and `behind` and `beta` of `compiled.py`.
    """
    S, dtype = log_emission.shape[2], log_emission.dtype
    lanes = VECTOR_BYTES // dtype.itemsize
    slots, order, cut = plan(chosen, lengths[chosen], S, lanes, torch.get_num_threads())
    rows, shape = (flat(log_emission), log_transition, log_initial), (len(slots), lanes, S)
    ends = np.ones(shape, dtype), np.zeros(shape, dtype), np.ones(shape, dtype)
    if cut:
        products = np.empty((*shape, S), dtype)
        in_threads(compiled.multiply, np.arange(len(slots)), *rows, slots, products)
        pieces = (array.reshape(-1, *array.shape[2:]) for array in (products, slots, *ends))
        compiled.join(next(pieces), log_transition, next(pieces), order, *pieces)
    return rows, slots, ends


def flat(array: np.ndarray) -> np.ndarray:
    """[trials, time, states] with the last two axes as one, in place."""
    return array.reshape(len(array), -1)
