"""The integrated M-step: the probabilities of every connection's class with its strength integrated out, none relaxed.

At temperature 0 the a of equation (4) are one-hot, a spike (no connection) and two slabs (log-normal strengths of
either sign). Under Fisher's quadratic of Q about the weights in hand, each connection in turn gets its exact posterior
given the means of the others: variational EM with a factor for every connection. The integral over the strength
charges a connection for the strengths that it might have had but has not, which a maximum over them does not: that is
why this decides better which connections there are.

a_0 is, as in the paper, free for each pair of neurons, and where it is most likely: at the mean over its states. With
a `concentration` it has a factor of its own, Dirichlet; with `dale` so has the sign of every source, together with its
connections; with `empirical` mu_w and sigma_w follow the strengths. None of them lowers the bound.
"""

import math
from dataclasses import replace
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
DOUBLINGS = 40  # by then a step is none
SLACK = 1.0  # nats by which the quadratic may be wrong
LEAST_SD = 0.1  # of ln strength, refitted
FEWEST = 1.0  # connections that say what strengths are
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
    - `probabilities`: of the three classes; `shares`: their mean over states, which says what a_0 is;
    - `strengths`: mean strengths if inhibitory and if excitatory; `logs`: means of their logarithms and of the squares;
    - `excites[n, n']`: with `dale`, how probable it is that n' excites n if it is connected;
    - `cost`: by how much uncertainty and prior lower the objective below the log likelihood at `weights`.
    """

    weights: StateWeights
    probabilities: Float64[Tensor, "states neurons neurons 3"]
    shares: Float64[Tensor, "neurons neurons 3"]
    strengths: Float64[Tensor, "states neurons neurons 2"]
    logs: Float64[Tensor, "2 states neurons neurons 2"]
    excites: Float64[Tensor, "neurons neurons"]
    cost: Float64[Tensor, ""]


def update_edges(quadratic: Quadratic, shares: Float64[Tensor, "neurons neurons 3"], model: OneHot) -> Edges:
    """The posterior of all edges under the quadratic, from `shares` as they were.

    Coordinate ascent over sources n', all states and targets at once. The bias goes to its maximum under
    N(0, sigma_b^2).
    """
    weights, slope = quadratic.centre.clone(), quadratic.slope.clone()  # slope: the quadratic's, at the weights
    S, N, _ = weights.shape
    diagonal = quadratic.precision.clamp(min=LEAST_PRECISION)
    probabilities = weights.new_zeros(S, N, N, 3)
    strengths, logs = weights.new_zeros(S, N, N, 2), weights.new_zeros(2, S, N, N, 2)
    excites, cost = weights.new_zeros(N, N), weights.new_zeros(N)
    decay, strength_prior = 1 / BIAS_SD**2, (model.strength_mean, model.strength_sd)

    def move(j: int, target: Tensor) -> None:
        step = target - weights[..., j]
        weights[..., j] += step
        slope.sub_(quadratic.information[..., j] * step[..., None])

    for _ in range(SWEEPS):
        log_prior = model.log_prior(shares)
        for j in range(N):
            precision = diagonal[..., j]
            linear = slope[..., j] + precision * weights[..., j]
            both = torch.stack((-linear, linear), -1)
            found = integrate_strength(both, precision[..., None].expand_as(both), *strength_prior)
            (inhibitory, excitatory), strength, logs[:, :, :, j] = found[0].unbind(-1), found[1], torch.stack(found[2:])
            log_joint = torch.stack((inhibitory, torch.zeros_like(inhibitory), excitatory), -1) + log_prior[:, j]
            if model.dale:
                p, log_evidence, excites[:, j] = one_sign(log_joint, j)
            else:
                each = torch.logsumexp(log_joint, -1)
                p, log_evidence = (log_joint - each[..., None]).exp(), each.sum()
            probabilities[:, :, j], strengths[:, :, j] = p, strength
            mean = p[..., EXCITATORY] * strength[..., 1] - p[..., INHIBITORY] * strength[..., 0]
            # the divergence of the posterior from the prior, and half the precision times the variance
            cost[j] = (linear * mean - precision * mean.square() / 2).sum() - log_evidence
            move(j, mean)
        precision = diagonal[..., N]
        move(N, (slope[..., N] + precision * weights[..., N]) / (precision + decay))
        shares = probabilities.mean(0)
    shift = log_prior - model.log_prior(shares)
    total = cost.sum() + (probabilities * shift).sum() + decay / 2 * weights[..., N].square().sum()
    return Edges(weights, probabilities, shares, strengths, logs, excites, total + model.divergence(shares))


def one_sign(
    log_joint: Float64[Tensor, "states neurons 3"], source: int
) -> tuple[Float64[Tensor, "states neurons 3"], Float64[Tensor, ""], Float64[Tensor, " neurons"]]:
    """Dale's law: the classes' probabilities for all connections of a source with its sign, the evidence of them all,
    and how probable it is that it excites; both signs are tried. Its own history has another sign.
    """
    own = (torch.arange(log_joint.shape[1], device=log_joint.device) == source).long()
    either = torch.stack((log_joint[..., :2], log_joint[..., [2, 1]]), -2)  # for both signs, connected or not
    evidence = torch.logsumexp(either, -1)
    signs = evidence.new_zeros(2, 2).index_add_(0, own, evidence.sum(0)) - math.log(2)  # of the others, and of its own
    connected = signs.softmax(-1)[own] * (either[..., 0] - evidence).exp()
    p = torch.stack((connected[..., 0], (1 - connected.sum(-1)).clamp(min=0), connected[..., 1]), -1)
    return p, torch.logsumexp(signs, -1).sum(), signs.softmax(-1)[own, 1]


class Integrated:
    """The M-step that `fit_one_hot` repeats: its model, and what it last found."""

    def __init__(self, model: OneHot, design: Design):
        N = design.counts.shape[-1]
        self.model = model
        self.shares = torch.full((N, N, 3), 1 / 3, dtype=torch.float64, device=design.features.device)

    def maximise(self, weights: StateWeights, data: Weighted) -> Tensor:
        """The weights' posterior means. Where Fisher's quadratic is no guide to a neuron in a state, it is taken twice
        as curved, until the weights that it then leads to are as good as it says.
        """
        quadratic = Quadratic.about(weights, data)
        guide, curved = quadratic, weights.new_ones(*weights.shape[:2], 1, 1)
        for _ in range(DOUBLINGS):
            self.edges = update_edges(guide, self.shares, self.model)
            after = self.edges.weights
            gained = gain(weights[None].to(data.features), after[None].to(data.features), data)[0]
            promised = quadratic.gain(after)
            good = gained >= promised - promised.abs() / 2 - SLACK
            if good.all():
                break
            curved = torch.where(good[..., None, None], curved, 2 * curved)
            guide = quadratic._replace(information=curved * quadratic.information)
        self.shares = self.edges.shares
        if self.model.empirical:
            self.model = refitted(self.model, self.edges)
        return after

    def log_prior(self) -> float:
        """What the objective has beside the log likelihood: a bound's terms for the prior and the weights' spread."""
        return -float(self.edges.cost)

    def outcome(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The weights of each connection's likeliest class, the probabilities of classes, a_0, and strengths."""
        probabilities = self.edges.probabilities
        likelier = probabilities[..., EXCITATORY] >= probabilities[..., INHIBITORY]
        if self.model.dale:
            likelier = (self.edges.excites >= 0.5).expand_as(likelier)
        strengths = torch.where(likelier, self.edges.strengths[..., 1], self.edges.strengths[..., 0])
        hard = hard_weights(probabilities, strengths)
        hard = torch.where((hard > 0) == likelier, hard, 0)  # where Dale's law leaves a source's sign open
        weights = torch.cat((hard, self.edges.weights[..., -1:]), -1)
        return weights, probabilities, self.model.adjacency_prior(self.edges.shares), strengths


def refitted(model: OneHot, edges: Edges) -> OneHot:
    """With mu_w and sigma_w by empirical Bayes: mean and deviation of ln wt over all connections, each as probable as
    it is; as they were if hardly any is left.
    """
    p = edges.probabilities[..., [INHIBITORY, EXCITATORY]]
    if p.sum() < FEWEST:
        return model
    mean, square = ((p * moment).sum() / p.sum() for moment in edges.logs)
    sd = (square - mean**2).clamp(min=LEAST_SD**2).sqrt()
    return replace(model, strength_mean=float(mean), strength_sd=float(sd))


def integrate_strength(
    linear: Float64[Tensor, "*any"], precision: Float64[Tensor, "*any"], mean: float, sd: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A connection's strength integrated out: the logarithm of how likely the spikes are if there is one, and the
    posterior's means of wt, ln wt and (ln wt)^2, all of the arguments' shape.

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
    mean_w, mean_u, square = (torch.einsum("...i, ...i -> ...", p, x) / mass for x in (w, u, u.square()))
    return log_evidence, mean_w, mean_u, square
