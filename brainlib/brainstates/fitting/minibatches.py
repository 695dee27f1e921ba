"""Stochastic EM for long recordings: many small M-steps in each pass over the trials."""

import torch
from jaxtyping import Int64
from torch import Tensor

from brainlib.brainstates.design import Design
from brainlib.brainstates.fitting import sums
from brainlib.brainstates.fitting.model import HMMGLM
from brainlib.brainstates.fitting.scoring import CHOLESKY, climb, scoring_step
from brainlib.brainstates.fitting.sums import Weighted
from brainlib.brainstates.fitting.transitions import most_likely_transitions
from brainlib.brainstates.inference import posterior
from brainlib.brainstates.parameters import Parameters

DECAY = 0.6  # between 1/2 and 1, as Robbins and Monro ask


class Minibatches:
    """Online EM after Cappe and Moulines (2009): running averages, and steps that become shorter.

    The k-th minibatch, with a rate r = k^-0.6 and what it says scaled up to all trials, gives

        Xi <- (1 - r) Xi + r xi            and the transitions most likely under it,
        H  <- (1 - r) H  + r information,  and a step r H^-1 gradient of the weights,

    the prior counted in full each time. A step that would not gain within its minibatch is halved until it does. H
    averages what a minibatch alone would not show of rare states. Raises `ValueError` for more features than fit the
    information's Cholesky factor.
    """

    def __init__(self, model: HMMGLM, design: Design, batch_trials: int, generator: torch.Generator):
        if design.features.shape[-1] > CHOLESKY:
            raise ValueError(f"batch_trials: got {design.features.shape[-1]} features, expected at most {CHOLESKY}")
        self.model, self.design, self.batch_trials, self.generator = model, design, int(batch_trials), generator
        self.done = 0
        self.information = self.expected = None  # [runs, ...]

    def sweep(self, parameters: Parameters, active: Int64[Tensor, " active"]) -> Parameters:
        """One pass over all trials, in random order, for the runs that are `active`."""
        model, design = self.model, self.design
        order = torch.randperm(len(design.lengths), generator=self.generator)
        for trials in order.split(self.batch_trials):
            part = design.pick(trials)
            scale = float(design.lengths.sum() / part.lengths.sum())
            found = posterior(parameters, part, model.emission)
            data = Weighted.of(part, found.states * scale, model.emission)
            information = sums.information(parameters.weights, data)
            self.done += 1
            rate = self.done**-DECAY
            if self.information is None:
                self.information, self.expected = information, found.transitions.sum(1).double() * scale
            else:
                self.information[active] = self.information[active].lerp(information, rate)
                expected = found.transitions.sum(1).double() * scale
                self.expected[active] = self.expected[active].lerp(expected, rate)
            step = scoring_step(
                parameters.weights,
                sums.gradient(parameters.weights, data),
                self.information[active],
                model,
                design.allowed,
            )
            transition = most_likely_transitions(
                self.expected[active], parameters.log_transition, model.transition_floor
            )
            parameters = parameters._replace(
                weights=climb(parameters.weights, rate * step, data, model, design.allowed),
                log_transition=transition.to(parameters.log_transition),
            )
        return parameters
