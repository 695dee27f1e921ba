"""The integrated M-step: the chances of every connection's class with its strength integrated out, none relaxed.

At temperature 0 the a of equation (4) are one-hot, a spike (no connection) and two slabs (log-normal strengths of
either sign). Under Fisher's quadratic of Q about the weights in hand, each connection in turn gets its exact posterior
given the means of the others: variational EM with a factor for every connection. The integral over the strength
charges a connection for the strengths that it might have had but has not, which a maximum over them does not: that is
why this decides better which connections there are.

a_0 is, as in the paper, free for each pair of neurons, and where it is most likely: at the mean of its states' chances.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float64
from torch import Tensor

from brainlib.brainstates.fitting.sums import Weighted, gain
from brainlib.brainstates.onehot.model import EXCITATORY, INHIBITORY, NONE, OneHot, hard_weights
from brainlib.brainstates.onehot.quadratic import Quadratic
from brainlib.brainstates.onehot.strengths import integrate_strength

SWEEPS = 3  # over all connections, for one quadratic
LEAST_PRECISION = 1e-9  # of a weight, where a feature was silent
DOUBLINGS = 12
SLACK = 1.0  # nats by which the quadratic may be wrong


class Edges(NamedTuple):
    """What an M-step says of the weights.

    - `weights`: their posterior means, those without a one-hot prior at their most probable values;
    - `chances`: of the three classes; `strengths`: mean strengths if inhibitory and if excitatory;
    - `cost[s, n]`: by how much uncertainty and prior lower the objective below the log likelihood at `weights`.
    """

    weights: Float64[Tensor, "states neurons features"]
    chances: Float64[Tensor, "states neurons neurons 3"]
    strengths: Float64[Tensor, "states neurons neurons 2"]
    cost: Float64[Tensor, "states neurons"]


def update_edges(
    quadratic: Quadratic,
    adjacency_prior: Float64[Tensor, "neurons neurons 3"],
    allowed: Bool[Tensor, "neurons features"],
    model: OneHot,
) -> tuple[Edges, Float64[Tensor, "neurons neurons 3"]]:
    """The posterior of all edges, and a_0, under the quadratic.

    Coordinate ascent over sources n', all states and targets at once. Weights beyond the connections (stimuli,
    refractory history, the bias) go to their maxima under N(0, sigma_b^2), the bias under N(mu_b, sigma_b^2).
    """
    weights, slope = quadratic.centre.clone(), quadratic.slope.clone()  # slope: the quadratic's, at the weights
    S, N, D = weights.shape
    diagonal = quadratic.precision.clamp(min=LEAST_PRECISION)
    chances = weights.new_zeros(S, N, N, 3)
    strengths = weights.new_zeros(S, N, N, 2)
    cost = weights.new_zeros(S, N, N)
    barred = ~allowed[:, :N, None] & (torch.arange(3, device=allowed.device) != NONE)
    strength_sd = model.strength_sd / model.prior_weight**0.5
    decay = model.prior_weight / model.bias_sd**2

    def move(j: int, target: Tensor) -> None:
        step = torch.where(allowed[:, j], target - weights[..., j], 0)
        weights[..., j] += step
        slope.sub_(quadratic.information[..., j] * step[..., None])

    for _ in range(SWEEPS):
        log_prior = model.prior_weight * model.log_prior(adjacency_prior)
        for j in range(N):
            precision = diagonal[..., j]
            linear = slope[..., j] + precision * weights[..., j]
            found = integrate_strength(
                torch.stack((-linear, linear), -1),
                precision[..., None].expand(S, N, 2),
                model.strength_mean,
                strength_sd,
            )
            inhibitory, excitatory = found.log_evidence.unbind(-1)
            log_joint = torch.stack((inhibitory, torch.zeros_like(inhibitory), excitatory), -1) + log_prior[:, j]
            log_joint = log_joint.masked_fill(barred[:, j], -torch.inf)
            log_evidence = torch.logsumexp(log_joint, -1)
            p = chances[:, :, j] = (log_joint - log_evidence[..., None]).exp()
            strengths[:, :, j] = found.mean
            mean = p[..., EXCITATORY] * found.mean[..., 1] - p[..., INHIBITORY] * found.mean[..., 0]
            # the divergence of the posterior from the prior, and half the precision times the variance
            cost[..., j] = linear * mean - precision * mean.square() / 2 - log_evidence
            move(j, mean)
        for j in range(N, D):
            centre = model.bias_mean if j == D - 1 else 0.0
            precision = diagonal[..., j]
            target = slope[..., j] + precision * weights[..., j] + decay * centre
            move(j, target / (precision + decay))
        before = log_prior
        adjacency_prior = chances.mean(0)
    free = weights[..., N:].clone()
    free[..., -1] -= model.bias_mean
    shift = before - model.prior_weight * model.log_prior(adjacency_prior)
    total = cost.sum(-1) + (chances * shift).sum((-2, -1)) + decay / 2 * free.square().sum(-1)
    return Edges(weights, chances, strengths, total), adjacency_prior


class Integrated:
    """The M-step that `fit_one_hot` repeats: its a_0, and what it last found."""

    def __init__(self, model: OneHot, allowed: Bool[Tensor, "neurons features"]):
        N = len(allowed)
        self.model, self.allowed = model, allowed
        self.adjacency_prior = torch.full((N, N, 3), 1 / 3, dtype=torch.float64, device=allowed.device)

    def maximise(self, weights: Float64[Tensor, "states neurons features"], data: Weighted) -> Tensor:
        """The weights' posterior means. Where Fisher's quadratic is no guide to a neuron in a state, it is taken twice
        as curved, until the weights that it then leads to are as good as it says.
        """
        quadratic, before = Quadratic.about(weights, data), self.adjacency_prior
        guide, curved = quadratic, weights.new_ones(*weights.shape[:2], 1, 1)
        for _ in range(DOUBLINGS):
            self.edges, self.adjacency_prior = update_edges(guide, before, self.allowed, self.model)
            after = self.edges.weights
            gained = gain(weights[None].to(data.features), after[None].to(data.features), data)[0]
            promised = quadratic.gain(after)
            good = gained >= promised - promised.abs() / 2 - SLACK
            if good.all():
                break
            curved = torch.where(good[..., None, None], curved, 2 * curved)
            guide = quadratic._replace(information=curved * quadratic.information)
        return after

    def log_prior(self) -> float:
        """What the objective has beside the log likelihood: a bound's terms for the prior and the weights' spread."""
        return -float(self.edges.cost.sum())

    def outcome(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The weights of each connection's likeliest class, the chances of classes, a_0, and strengths."""
        chances, N = self.edges.chances, len(self.allowed)
        likelier = chances[..., EXCITATORY] >= chances[..., INHIBITORY]
        strengths = torch.where(likelier, self.edges.strengths[..., 1], self.edges.strengths[..., 0])
        weights = torch.cat((hard_weights(chances, strengths), self.edges.weights[..., N:]), -1)
        return weights, chances, self.adjacency_prior, strengths
