"""The integrated M-step: the probabilities of every connection's class with its strength integrated out, none relaxed.

At temperature 0 the a of equation (4) are one-hot, a spike (no connection) and two slabs (log-normal strengths of
either sign). Under Fisher's quadratic of Q about the weights in hand, each connection in turn gets its exact posterior
given the means of the others: variational EM with a factor for every connection. The integral over the strength
charges a connection for the strengths that it might have had but has not, which a maximum over them does not: that is
why this decides better which connections there are.

a_0 is, as in the paper, free for each pair of neurons, and where it is most likely: at the mean over its states.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from brainlib.brainstates.design import Design
from brainlib.brainstates.fitting.sums import Weighted, gain, gradient_and_curvature, information
from brainlib.brainstates.onehot.model import BIAS_SD, EXCITATORY, INHIBITORY, OneHot, hard_weights

SWEEPS = 3  # over all connections, for one quadratic
LEAST_PRECISION = 1e-9  # of a weight, where a feature was silent
DOUBLINGS = 12
SLACK = 1.0  # nats by which the quadratic may be wrong
NODES, SHARES = np.polynomial.legendre.leggauss(10)  # Gauss and Legendre's rule on (-1, 1), for each panel
NEWTON = 10  # steps towards a mode; how the panels are laid needs no more
DEVIATIONS = (-8.0, -3.0, 3.0, 8.0)  # where panels end about a mode, and about the prior's mean
FALL = (-3.0, -1.0, 1.0, 2.5)  # where they end about the ln w at which the likelihood begins to fall

StateWeights = Float64[Tensor, "states neurons features"]


class Quadratic(NamedTuple):
    """Fisher's quadratic of Q: what the spikes say of the weights, about the weights in hand, `centre` w'.

        Q(w) - Q(w') = g . (w - w') - (w - w') . H (w - w') / 2,

    `slope` g the gradient of Q at w', `information` H, for each state and neuron by itself. An M-step that moves the
    weights little can be taken on it alone, at a cost that does not grow with the recording.
    """

    centre: StateWeights
    slope: StateWeights
    information: Float64[Tensor, "states neurons features features"]

    @classmethod
    def about(cls, weights: StateWeights, data: Weighted) -> "Quadratic":
        """The quadratic of these data, which are of one run."""
        rounded = weights[None].to(data.features)
        slope, _ = gradient_and_curvature(rounded, data)
        return cls(rounded[0].double(), slope[0], information(rounded, data)[0])

    @property
    def precision(self) -> StateWeights:
        """Of each weight given the others: H's diagonal."""
        return self.information.diagonal(dim1=-2, dim2=-1)

    def slope_at(self, weights: StateWeights) -> Float64[Tensor, "..."]:
        """The quadratic's gradient at other weights."""
        return self.slope - (self.information @ (weights - self.centre)[..., None])[..., 0]

    def gain(self, weights: StateWeights) -> Float64[Tensor, "states neurons"]:
        """Q(weights) - Q(centre), as the quadratic has it."""
        return ((self.slope + self.slope_at(weights)) * (weights - self.centre)).sum(-1) / 2


class Edges(NamedTuple):
    """What an M-step says of the weights.

    - `weights`: their posterior means, the biases at their most probable values;
    - `probabilities`: of the three classes; `strengths`: mean strengths if inhibitory and if excitatory;
    - `cost[s, n]`: by how much uncertainty and prior lower the objective below the log likelihood at `weights`.
    """

    weights: StateWeights
    probabilities: Float64[Tensor, "states neurons neurons 3"]
    strengths: Float64[Tensor, "states neurons neurons 2"]
    cost: Float64[Tensor, "states neurons"]


def update_edges(
    quadratic: Quadratic, adjacency_prior: Float64[Tensor, "neurons neurons 3"], model: OneHot
) -> tuple[Edges, Float64[Tensor, "neurons neurons 3"]]:
    """The posterior of all edges, and a_0, under the quadratic.

    Coordinate ascent over sources n', all states and targets at once. The bias goes to its maximum under
    N(0, sigma_b^2).
    """
    weights, slope = quadratic.centre.clone(), quadratic.slope.clone()  # slope: the quadratic's, at the weights
    S, N, _ = weights.shape
    diagonal = quadratic.precision.clamp(min=LEAST_PRECISION)
    probabilities = weights.new_zeros(S, N, N, 3)
    strengths = weights.new_zeros(S, N, N, 2)
    cost = weights.new_zeros(S, N, N)
    decay, strength_prior = 1 / BIAS_SD**2, (model.strength_mean, model.strength_sd)

    def move(j: int, target: Tensor) -> None:
        step = target - weights[..., j]
        weights[..., j] += step
        slope.sub_(quadratic.information[..., j] * step[..., None])

    for _ in range(SWEEPS):
        log_prior = model.log_prior(adjacency_prior)
        for j in range(N):
            precision = diagonal[..., j]
            linear = slope[..., j] + precision * weights[..., j]
            both = torch.stack((-linear, linear), -1)
            evidence, strength = integrate_strength(both, precision[..., None].expand_as(both), *strength_prior)
            inhibitory, excitatory = evidence.unbind(-1)
            log_joint = torch.stack((inhibitory, torch.zeros_like(inhibitory), excitatory), -1) + log_prior[:, j]
            log_evidence = torch.logsumexp(log_joint, -1)
            p = probabilities[:, :, j] = (log_joint - log_evidence[..., None]).exp()
            strengths[:, :, j] = strength
            mean = p[..., EXCITATORY] * strength[..., 1] - p[..., INHIBITORY] * strength[..., 0]
            # the divergence of the posterior from the prior, and half the precision times the variance
            cost[..., j] = linear * mean - precision * mean.square() / 2 - log_evidence
            move(j, mean)
        precision = diagonal[..., N]
        move(N, (slope[..., N] + precision * weights[..., N]) / (precision + decay))
        before = log_prior
        adjacency_prior = probabilities.mean(0)
    shift = before - model.log_prior(adjacency_prior)
    total = cost.sum(-1) + (probabilities * shift).sum((-2, -1)) + decay / 2 * weights[..., N].square()
    return Edges(weights, probabilities, strengths, total), adjacency_prior


class Integrated:
    """The M-step that `fit_one_hot` repeats: its a_0, and what it last found."""

    def __init__(self, model: OneHot, design: Design):
        N = design.counts.shape[-1]
        self.model = model
        self.adjacency_prior = torch.full((N, N, 3), 1 / 3, dtype=torch.float64, device=design.features.device)

    def maximise(self, weights: StateWeights, data: Weighted) -> Tensor:
        """The weights' posterior means. Where Fisher's quadratic is no guide to a neuron in a state, it is taken twice
        as curved, until the weights that it then leads to are as good as it says.
        """
        quadratic, before = Quadratic.about(weights, data), self.adjacency_prior
        guide, curved = quadratic, weights.new_ones(*weights.shape[:2], 1, 1)
        for _ in range(DOUBLINGS):
            self.edges, self.adjacency_prior = update_edges(guide, before, self.model)
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
        """The weights of each connection's likeliest class, the probabilities of classes, a_0, and strengths."""
        probabilities = self.edges.probabilities
        likelier = probabilities[..., EXCITATORY] >= probabilities[..., INHIBITORY]
        strengths = torch.where(likelier, self.edges.strengths[..., 1], self.edges.strengths[..., 0])
        weights = torch.cat((hard_weights(probabilities, strengths), self.edges.weights[..., -1:]), -1)
        return weights, probabilities, self.adjacency_prior, strengths


def integrate_strength(
    linear: Float64[Tensor, "*any"], precision: Float64[Tensor, "*any"], mean: float, sd: float
) -> tuple[Float64[Tensor, "*any"], Float64[Tensor, "*any"]]:
    """A connection's strength integrated out: the logarithm of how likely the spikes are if there is one, and the
    posterior's mean of wt.

    With all other weights fixed, and up to a constant, the log likelihood of one weight is linear w - precision w^2 / 2
    (Fisher's quadratic). For a connection that excites, w = wt with ln wt ~ N(mean, sd^2), equation (6):

        evidence = integral over u of exp(linear e^u - precision e^2u / 2) N(u; mean, sd^2)

    For one that inhibits w = -wt, so `linear` changes its sign. With no connection the evidence is 1.

    In u = ln w the integrand has at most two modes: one where the spikes hardly speak against the prior, and one where
    the likelihood peaks. Both are looked for, and panels laid about each, about the prior's mean, and about where the
    likelihood falls; together they cover all that lies between.
    """
    deviations = linear.new_tensor(DEVIATIONS)
    fall = -torch.maximum(precision.sqrt(), -linear).log()[..., None] + linear.new_tensor(FALL)
    ends = [(mean + sd * deviations).expand(*linear.shape, -1), fall]
    peak = (linear / precision).clamp(min=math.exp(mean + sd * DEVIATIONS[0])).log()
    for u in (torch.full_like(linear, mean), peak):
        for _ in range(NEWTON):
            w = u.exp()
            bend = (1 / sd**2 + 2 * precision * w.square() - linear * w).clamp(min=1 / sd**2)
            u = u + ((linear * w - precision * w.square() - (u - mean) / sd**2) / bend).clamp(-1, 1)
        ends.append(u[..., None] + bend.rsqrt()[..., None] * deviations)
    edges = torch.cat(ends, dim=-1).sort(dim=-1).values
    half = edges.diff(dim=-1)[..., None] / 2
    u = (edges[..., :-1, None] + half * (1 + linear.new_tensor(NODES))).flatten(-2)
    size = (half * linear.new_tensor(SHARES)).flatten(-2)
    w = u.exp()
    log_p = linear[..., None] * w - precision[..., None] * w.square() / 2 - ((u - mean) / sd).square() / 2
    highest = log_p.amax(-1, keepdim=True)
    p = (log_p - highest).exp() * size
    mass = p.sum(-1)
    log_evidence = mass.log() + highest[..., 0] - math.log(sd) - math.log(2 * math.pi) / 2
    return log_evidence, (p * w).sum(-1) / mass
