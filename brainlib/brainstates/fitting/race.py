"""Restarts side by side: what each has reached, the best that each has been, and which go on."""

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from brainlib.brainstates.parameters import Parameters


class Race:
    """Judges runs after every iteration by a score, their objective or their held-out likelihood.

    A run ends after `patience` iterations in which its score rose by less than `enough` above its last mark. Where
    scores can only rise (patience 1), one that would not reach the best at its present pace is given up before.
    """

    def __init__(self, parameters: Parameters, iterations: int, enough: float, patience: int):
        runs = len(parameters.weights)
        self.kept = Parameters(*(tensor.clone() for tensor in parameters))
        self.iterations, self.enough, self.patience = iterations, enough, patience
        self.history = torch.full((3, runs, iterations + 1), torch.nan, dtype=torch.float64)
        self.best = torch.full((runs,), -torch.inf, dtype=torch.float64)
        self.mark = self.best.clone()
        self.last = self.best.clone()
        self.waited = torch.zeros(runs, dtype=torch.int64)
        self.active = torch.arange(runs)

    def judge(
        self, i: int, parameters: Parameters, scores: Float64[Tensor, "kinds active"]
    ) -> tuple[Bool[Tensor, " active"], Int64[Tensor, " going"]]:
        """Of the runs that are active after i iterations: which go on, and their numbers.

        `scores`: log-likelihood, objective and, if there is one, held-out likelihood; the last kind counts.
        """
        active, score = self.active, scores[-1]
        self.history[: len(scores), active, i] = scores
        better = score > self.best[active]
        for whole, part in zip(self.kept, parameters, strict=True):
            whole[active[better]] = part[better]
        self.best[active] = torch.maximum(self.best[active], score)
        risen = score > self.mark[active] + self.enough
        self.mark[active] = torch.where(risen, score, self.mark[active])
        self.waited[active] = torch.where(risen, 0, self.waited[active] + 1)
        going = self.waited[active] < self.patience
        if self.patience == 1:
            pace = score - self.last[active]  # infinite at first
            going &= score + pace * (self.iterations - i) >= self.best.max()
        self.last[active] = score
        self.active = active[going]
        return going, self.active
