"""The M-step: the most likely transitions, and one Fisher-scoring step of the weights that never leaves them worse.

For a state s and neuron n with gradient g and Fisher information H of Q_sn, the step solves H step = g. Where the
states of a neuron are tied by the prior's mean w_0, the step is Newton's for all of them and w_0 together: an arrow of
S blocks that meet in w_0, solved by elimination, never as one S D x S D matrix. With an L1 penalty the quadratic is
climbed by coordinate descent. A step that is too long is halved until it gains.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from brainlib.brainstates.fitting import sums
from brainlib.brainstates.fitting.model import Model, log_prior, log_prior_gradient
from brainlib.brainstates.fitting.sums import Curvature, Slopes, Weighted, Weights

FLOOR = math.exp(-8)  # the least probability of a transition, as in the official code
RIDGE = 1e-5  # of the information's diagonal: above the rounding of sums in float32
SHORT = 0.5  # root mean square change of a drive
HALVINGS = 40
SWEEPS = 50
SETTLED = 1e-5  # a change of a weight that ends the sweeps


def most_likely_transitions(
    expected: Float[Tensor, "*runs states states"], previous: Float[Tensor, "*runs states states"], floor: float = FLOOR
) -> Float[Tensor, "*runs states states"]:
    """log pi with the highest sum of expected log pi among all whose every pi is at least `floor`.

    `expected[s, s']` is how often s' followed s, summed over time and trials: xi. Where no floor is reached pi is
    xi_ss' / sum of xi_s. Lower ones are put on the floor, and the others share what is left in proportion; the official
    code clamps and divides by the sum instead, which is no maximum and may lower the likelihood. A state that was never
    left keeps its `previous` row.
    """
    expected = expected.double()
    total = expected.sum(-1, keepdim=True)
    low = torch.zeros_like(expected, dtype=torch.bool)
    for _ in range(expected.shape[-1]):
        left = 1 - floor * low.sum(-1, keepdim=True)
        free = torch.where(low, 0, expected)
        probability = torch.where(low, floor, free * (left / free.sum(-1, keepdim=True)))
        low = low | (probability < floor)
    return torch.where(total > 0, probability.log(), previous.double())


def improve(weights: Weights, data: Weighted, model: Model, careful: bool = True) -> Weights:
    """Weights of which the M-step's objective, Q + log prior, is nowhere lower: of each neuron, and of each state too
    unless they are tied. Memory: runs x states x neurons x features^2 numbers of float64.

    Unless `careful`, a short step, which hardly ever loses, is taken without a look at what it gains.
    """
    gradient, curvature = sums.gradient_and_curvature(weights, data)
    information = sums.estimated_information(weights, data, curvature)
    step = scoring_step(weights, gradient, information, model)
    if not careful:
        # squared change of drives, gamma v their weights
        moved = (step * (information @ step[..., None])[..., 0]).sum(-1)
        if (moved <= SHORT**2 * curvature[..., -1]).all():
            return (weights + step).to(weights.dtype)
    return climb(weights, step, data, model)


def scoring_step(weights: Weights, gradient: Slopes, information: Curvature, model: Model) -> Slopes:
    """The step to the maximum of the objective's quadratic model."""
    information = information.clone()
    diagonal = information.diagonal(dim1=-2, dim2=-1)
    diagonal += RIDGE * diagonal.clamp(min=RIDGE)
    gradient = gradient + log_prior_gradient(weights, model.prior)
    precision = model.prior.precision if model.prior and model.coupled else 0.0
    if model.l1:
        return lasso_step(weights.double(), gradient, information, precision, model.l1)
    if model.coupled:
        return _tied_step(gradient, information, precision)
    return torch.cholesky_solve(gradient[..., None], torch.linalg.cholesky(information))[..., 0]


def _tied_step(gradient: Tensor, information: Tensor, precision: float) -> Tensor:
    """A state's step is x_s, and P / 2 penalises x_s - V y, y that of w_0, which has no bias. That leaves blocks
    L_s = H_s + V P V^T, their coupling C = -P V to y, and the corner K = S P where they meet:

        (K - sum of C^T L_s^-1 C) y = -sum of C^T L_s^-1 g_s,   x_s = L_s^-1 (g_s - C y).
    """
    S, D = gradient.shape[-3], gradient.shape[-1]
    mean = torch.eye(D, dtype=gradient.dtype, device=gradient.device)[:, : D - 1]  # V
    coupling = -precision * mean
    solved = torch.cholesky_solve(
        torch.cat((gradient[..., None], coupling.expand(*gradient.shape, D - 1)), dim=-1),
        torch.linalg.cholesky(information + precision * mean @ mean.T),
    )
    alone, along = solved[..., :1], solved[..., 1:]  # L^-1 g, L^-1 C
    corner = S * precision * (mean.T @ mean) - (coupling.T @ along).sum(-4)
    shared = torch.cholesky_solve(-(coupling.T @ alone).sum(-4), torch.linalg.cholesky(corner))
    return (alone - along @ shared[..., None, :, :, :])[..., 0]


def lasso_step(weights: Slopes, gradient: Slopes, information: Curvature, precision: float, l1: float) -> Slopes:
    """The step that maximises, with the penalty on all weights but the bias,

        gradient . step - step^T information step / 2 - precision |step - mean step|^2 / 2 - l1 |weights + step|,

    the mean over states, which is the Gaussian prior's w_0 on its way. `gradient` has the Gaussian prior in it. After
    Friedman, Hastie and Tibshirani (2010). A step cut short by the number of sweeps is still one that gains.
    """
    D = weights.shape[-1]
    step = torch.zeros_like(weights)
    residual = gradient.clone()  # of the quadratic, at the step so far, the mean held
    mean = torch.zeros_like(weights[:, :1, :, :-1])
    bends = information.diagonal(dim1=-2, dim2=-1)

    def move(d: int, change: Tensor) -> None:
        step[..., d] += change
        residual.sub_(information[..., d] * change[..., None])

    for _ in range(SWEEPS):
        start = step.clone()
        for d in range(D - 1):
            bend = bends[..., d] + precision
            old = weights[..., d] + step[..., d]
            slope = residual[..., d] - precision * (step[..., d] - mean[..., d])
            move(d, torch.nn.functional.softshrink(bend * old + slope, l1) / bend - old)
        move(D - 1, residual[..., -1] / bends[..., -1])
        mean = step[..., :-1].mean(1, keepdim=True)
        if (step - start).abs().max() < SETTLED:
            break
    return step


def climb(weights: Weights, step: Slopes, data: Weighted, model: Model) -> Weights:
    """`weights` + `step`, each part that would not gain halved until it does, or left out: a part is a state of a
    neuron, or all of a neuron's where they are tied. A loss within the rounding of its sum counts as none.
    """
    before = log_prior(weights, model.prior, model.l1)
    bins = data.shares.sum(1, dtype=torch.float64)[..., None].expand(weights.shape[:3])
    rounding = 4 * torch.finfo(weights.dtype).eps * bins.sqrt()  # what it makes of a sum of differences that are 0
    if model.coupled:
        rounding = rounding.sum(1, keepdim=True)
    scale = weights.new_ones(*weights.shape[:3], 1)
    for _ in range(HALVINGS):
        after = (weights + scale * step).to(weights.dtype)
        gained = sums.gain(weights, after, data) + log_prior(after, model.prior, model.l1) - before
        if model.coupled:
            gained = gained.sum(1, keepdim=True)
        good = (gained >= -rounding).expand(weights.shape[:3])[..., None]  # false for NaN
        if good.all():
            return after
        scale = torch.where(good, scale, scale / 2)
    return torch.where(good, after, weights)
