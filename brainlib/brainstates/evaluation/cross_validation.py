"""Choosing by what was not seen: folds over trials, any grid of models, and BIC beside.

A recording of one piece is cut into trials first (`Trials.cut`).
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from brainlib.brainstates.design import Design
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.evaluation.likelihood import marginal_log_likelihood
from brainlib.brainstates.parameters import Parameters


def folds(trials: int, count: int, generator: torch.Generator) -> list[Int64[Tensor, "..."]]:
    """The trials in `count` groups of nearly equal size, drawn at random; each is held out once.

    Raises `ValueError` unless there are 2 to `trials` groups.
    """
    if not 2 <= count <= trials:
        raise ValueError(f"count: got {count}, expected 2 to the {trials} trials")
    return [group.sort().values for group in torch.randperm(trials, generator=generator).tensor_split(count)]


def cross_validate(
    fit: Callable[[Design], Parameters], design: Design, emission: Emission, held_out: list[Int64[Tensor, "..."]]
) -> Float64[Tensor, " folds"]:
    """The held-out marginal log-likelihood of every fold in nats a bin, `fit` given the other trials.

    Raises `ValueError` for folds that are empty, leave nothing to fit or name trials that are not there.
    """
    trials = len(design.lengths)
    for number, group in enumerate(held_out):
        if not 0 < len(group.unique()) == len(group) < trials or group.min() < 0 or group.max() >= trials:
            expected = f"some, not all, of the trials 0 to {trials - 1}, each once"
            raise ValueError(f"held_out: got {group.tolist()[:10]} as fold {number}, expected {expected}")
    scores = []
    for group in held_out:
        seen = torch.ones(trials, dtype=torch.bool)
        seen[group.cpu()] = False
        test = design.pick(group)
        found = marginal_log_likelihood(fit(design.pick(seen.nonzero()[:, 0])), test, emission)
        scores.append(found.sum().cpu() / test.lengths.sum().cpu())
    return torch.stack(scores)


class Choice(NamedTuple):
    """Held-out log-likelihoods of a grid, in nats a bin."""

    candidates: list[Any]
    held_out: Float64[Tensor, "candidates folds"]

    @property
    def mean(self) -> Float64[Tensor, " candidates"]:
        """Over folds."""
        return self.held_out.mean(1)

    @property
    def standard_error(self) -> Float64[Tensor, " candidates"]:
        """Of the mean over folds."""
        return self.held_out.std(1) / self.held_out.shape[1] ** 0.5

    @property
    def difference_error(self) -> Float64[Tensor, " candidates"]:
        """The standard error of each candidate's difference from the best, fold by fold: folds that are hard for all
        drop out. 0 for the best itself."""
        difference = self.held_out - self.held_out[self.mean.argmax()]
        return difference.std(1) / self.held_out.shape[1] ** 0.5

    @property
    def best(self) -> Any:
        """The candidate with the highest mean."""
        return self.candidates[int(self.mean.argmax())]

    @property
    def simplest(self) -> Any:
        """The first candidate that is no more than one standard error of the difference below the best: the simplest
        one, if they were given from simple to complex."""
        mean = self.mean
        near = mean >= mean.max() - self.difference_error
        return self.candidates[int(near.double().argmax())]


def choose(
    candidates: Sequence[Any],
    fit: Callable[[Any, Design], Parameters],
    design: Design,
    emission: Emission,
    held_out: list[Int64[Tensor, "..."]],
) -> Choice:
    """Every candidate on the same folds: numbers of states, weights of a prior, or whole models.

    For recordings of your own: chapter 3 holds out blocks of time instead. Raises as `cross_validate`, and `ValueError`
    without candidates.
    """
    if not len(candidates):
        raise ValueError("candidates: got none, expected at least one")
    rows = [cross_validate(lambda seen, c=c: fit(c, seen), design, emission, held_out) for c in candidates]
    return Choice(list(candidates), torch.stack(rows))


def free_parameters(design: Design, states: int, shared_bias: bool = False) -> int:
    """How many numbers a fit chooses: allowed weights in every state, transitions and the first state.

    Raises `ValueError` for no states. Used in chapters/brainstates/03_recordings.
    """
    if states < 1:
        raise ValueError(f"states: got {states}, expected at least 1")
    neurons = design.counts.shape[-1]
    weights = states * int(design.allowed.sum()) - (neurons * (states - 1) if shared_bias else 0)
    return weights + states * (states - 1) + states - 1


def bic(log_likelihood: float, free: int, bins: int) -> float:
    """Schwarz's criterion, -2 log p + free log(bins), of the training data's marginal log-likelihood; lower is better.

    A bin is one observation, of all neurons together. It counts parameters as if no prior held them back. Raises
    `ValueError` for fewer than 1 bin. Used in chapters/brainstates/02_priors and 03_recordings.
    """
    if bins < 1:
        raise ValueError(f"bins: got {bins}, expected at least 1")
    return -2 * log_likelihood + free * math.log(bins)
