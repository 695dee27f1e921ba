"""The paper's M-step: a maximum a posteriori on the relaxation, by Adam with its gradient in closed form.

What is climbed are logits of a and of a_0, logarithms of strengths, and biases. Within an M-step the likelihood is
Fisher's quadratic of Q about the weights at hand, so that a step of Adam costs S N D^2 operations whatever the length
of the recording; the next M-step has a new quadratic. `bounded` keeps the logits of the density's corners.

The prior of equation (5) holds each a in the corner that it came to first, so the start decides: see `start_relaxed`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float64
from torch import Tensor

from brainlib.brainstates.fitting.sums import Weighted
from brainlib.brainstates.onehot.adam import Adam
from brainlib.brainstates.onehot.densities import (
    bounded,
    log_concrete,
    log_concrete_gradients,
    log_gaussian,
    log_softmax,
    softmax,
)
from brainlib.brainstates.onehot.model import EXCITATORY, INHIBITORY, OneHot, hard_weights
from brainlib.brainstates.onehot.quadratic import Quadratic

THRESHOLD = 4.0  # standard errors, of a state and of all together, that a weight needs at the start to be a connection
LEAST_STRENGTH = 1e-4


@dataclass
class Relaxed:
    """The variables, all float64: logits [S, N, N, 3] of a, prior_logits [N, N, 3], log_strength [S, N, N] and free
    [S, N, D - N], the weights without a one-hot prior, the bias last.
    """

    logits: Tensor
    prior_logits: Tensor
    log_strength: Tensor
    free: Tensor

    def weights(self) -> Float64[Tensor, "states neurons features"]:
        """Equation (3) with a = softmax(logits)."""
        a = softmax(self.logits)
        return torch.cat(((a[..., EXCITATORY] - a[..., INHIBITORY]) * self.log_strength.exp(), self.free), -1)

    def log_prior(self, model: OneHot) -> float:
        """`prior_weight` times the log density of equations (5) and (6)."""
        log_a, log_a0 = log_softmax(self.logits), log_adjacency_prior(self.prior_logits, model.official_slip)
        total = log_concrete(log_a, log_a0, model.temperature).sum()
        total += log_gaussian(self.log_strength, model.strength_mean, model.strength_sd).sum()
        total += log_gaussian(self.free[..., :-1], 0.0, model.bias_sd).sum()
        total += log_gaussian(self.free[..., -1], model.bias_mean, model.bias_sd).sum()
        return model.prior_weight * float(total)


def log_adjacency_prior(prior_logits: Tensor, slip: bool) -> Tensor:
    """log a_0, or with the slip a_0 in its place."""
    return softmax(prior_logits) if slip else log_softmax(prior_logits)


def by_prior_logits(by_log_a0: Tensor, prior_logits: Tensor, slip: bool) -> Tensor:
    """The gradient to logits of a_0, from that to what stood for log a_0."""
    if not slip:
        return by_log_a0  # its classes sum to 0, so normalising log a_0 changes nothing
    a0 = softmax(prior_logits)
    return a0 * (by_log_a0 - (a0 * by_log_a0).sum(-1, keepdim=True))


def start_relaxed(
    quadratic: Quadratic,
    allowed: Bool[Tensor, "neurons features"],
) -> Relaxed:
    """From the quadratic's centre: sizes of weights as strengths, and as logits of the signs the evidence of each.

    The evidence is the weight in standard errors, of the state by itself plus of all states together, as they share
    a_0; the logit of no connection is `THRESHOLD`.
    """
    N = len(allowed)
    coupling, precision = quadratic.centre[..., :N], quadratic.precision[..., :N].clamp(min=0)
    together = (coupling * precision).sum(0) / precision.sum(0).clamp(min=1e-12).sqrt()
    evidence = coupling * precision.sqrt() + together
    logits = bounded(torch.stack((-evidence, torch.full_like(evidence, THRESHOLD), evidence), -1))
    forbidden = ~allowed[:, :N]
    prior_logits = logits.new_zeros(N, N, 3)
    logits[:, forbidden] = prior_logits[forbidden] = bounded(logits.new_tensor([-torch.inf, 0.0, -torch.inf]))
    return Relaxed(
        logits,
        prior_logits,
        coupling.abs().clamp(min=LEAST_STRENGTH).log(),
        quadratic.centre[..., N:].clone(),
    )


def relaxed_gradients(
    state: Relaxed,
    quadratic: Quadratic,
    allowed: Bool[Tensor, "neurons features"],
    model: OneHot,
    temperature: float,
) -> dict[str, Tensor]:
    """Of the quadratic plus the log prior at this temperature, to each of the variables."""
    N, weight = len(allowed), model.prior_weight
    a, strength = softmax(state.logits), state.log_strength.exp()
    net = a[..., EXCITATORY] - a[..., INHIBITORY]
    slope = quadratic.slope_at(torch.cat((net * strength, state.free), -1)) * allowed
    pull = slope[..., :N] * strength
    by_a = torch.stack((-pull, torch.zeros_like(pull), pull), -1)
    log_a0 = log_adjacency_prior(state.prior_logits, model.official_slip)
    by_density, by_log_a0 = log_concrete_gradients(log_softmax(state.logits), log_a0, temperature)
    free = state.free.clone()
    free[..., -1] -= model.bias_mean
    within = allowed[:, :N, None]
    return {
        "logits": within * (a * (by_a - (a * by_a).sum(-1, keepdim=True)) + weight * by_density),
        "prior_logits": within * weight * by_prior_logits(by_log_a0.sum(0), state.prior_logits, model.official_slip),
        "log_strength": pull * net - weight * (state.log_strength - model.strength_mean) / model.strength_sd**2,
        "free": slope[..., N:] - weight * free / model.bias_sd**2,
    }


class RelaxedStep:
    """The M-step that `fit_one_hot` repeats, the next time at the next of `temperatures`."""

    def __init__(
        self,
        model: OneHot,
        allowed: Bool[Tensor, "neurons features"],
        steps: int,
        learning_rate: float,
        temperatures: Iterator[float],
    ) -> None:
        self.model, self.allowed, self.temperatures = model, allowed, temperatures
        self.adam, self.steps = Adam(learning_rate), steps
        self.state: Relaxed | None = None

    def maximise(self, weights: Float64[Tensor, "states neurons features"], data: Weighted) -> Tensor:
        """Weights with relaxed a. The first time `weights` are the start."""
        quadratic = Quadratic.about(weights, data)
        if self.state is None:
            self.state = start_relaxed(quadratic, self.allowed)
        temperature = next(self.temperatures)
        for _ in range(self.steps):
            gradients = relaxed_gradients(self.state, quadratic, self.allowed, self.model, temperature)
            self.adam.ascend(vars(self.state), gradients)
            for name in ("logits", "prior_logits"):
                setattr(self.state, name, bounded(getattr(self.state, name)))
        return self.state.weights()

    def log_prior(self) -> float:
        return self.state.log_prior(self.model)

    def outcome(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The weights with each a put to the corner of its likeliest class, a, a_0, and strengths."""
        a, strengths = softmax(self.state.logits), self.state.log_strength.exp()
        weights = torch.cat((hard_weights(a, strengths), self.state.free), -1)
        return weights, a, softmax(self.state.prior_logits), strengths
