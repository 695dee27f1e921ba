"""The M-step of the weights: one Fisher-scoring step that never leaves them worse.

For a state s and neuron n with gradient g and Fisher information H of Q_sn, the step solves H step = g. Where the
states of a neuron are tied, by the prior's mean w_0 or by a shared bias, the step is Newton's for all of them and what
ties them together: an arrow of S blocks that meet in the shared variables, solved by elimination, never as one
S D x S D matrix. With an L1 penalty, `lasso` climbs the quadratic. A step that is too long is halved until it gains.
"""

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from brainlib.brainstates.fitting import sums
from brainlib.brainstates.fitting.lasso import lasso_step
from brainlib.brainstates.fitting.lbfgs import maximise
from brainlib.brainstates.fitting.model import HMMGLM
from brainlib.brainstates.fitting.priors import log_prior, log_prior_gradient
from brainlib.brainstates.fitting.sums import Weighted

CHOLESKY = 256  # features up to which the information is formed and factorised
RIDGE = 1e-5  # of the information's diagonal: above the rounding of sums in float32
SHORT = 0.5  # root mean square change of a drive
HALVINGS = 40
QUASI_STEPS = 5  # of L-BFGS within an M-step


def improve(
    weights: Float[Tensor, "runs states neurons features"],
    data: Weighted,
    model: HMMGLM,
    allowed: Bool[Tensor, "neurons features"],
    careful: bool = True,
) -> Float[Tensor, "runs states neurons features"]:
    """Weights of which the M-step's objective, Q + log prior, is nowhere lower: of each neuron, and of each state too
    unless they are tied. Up to `CHOLESKY` features by Fisher scoring, beyond by L-BFGS; with L1 always by the former.

    Unless `careful`, a short step, which hardly ever loses, is taken without a look at what it gains. Used by `fit`.
    """
    if weights.shape[-1] > CHOLESKY and not model.l1:
        return _improve_by_gradients(weights, data, model, allowed)
    gradient, curvature = sums.gradient_and_curvature(weights, data)
    information = sums.estimated_information(weights, data, curvature)
    step = scoring_step(weights, gradient, information, model, allowed)
    if not careful:
        moved = (step * (information @ step[..., None])[..., 0]).sum(
            -1
        )  # squared change of drives, gamma v their weights
        if (moved <= SHORT**2 * curvature[..., -1]).all():
            return (weights + step).to(weights.dtype)
    return climb(weights, step, data, model, allowed)


def scoring_step(
    weights: Float[Tensor, "runs states neurons features"],
    gradient: Float64[Tensor, "runs states neurons features"],
    information: Float64[Tensor, "runs states neurons features features"],
    model: HMMGLM,
    allowed: Bool[Tensor, "neurons features"],
) -> Float64[Tensor, "runs states neurons features"]:
    """The step to the maximum of the objective's quadratic model; exactly 0 where no weight is allowed."""
    information = information * (allowed[:, :, None] & allowed[:, None, :])
    diagonal = information.diagonal(dim1=-2, dim2=-1)
    diagonal += RIDGE * diagonal.clamp(min=RIDGE) + ~allowed
    gradient = torch.where(allowed, gradient + log_prior_gradient(weights, model.prior), 0)
    precision = model.prior.precision if model.coupled and model.prior is not None else 0.0
    if model.l1:
        return lasso_step(weights.double(), gradient, information, precision, model.l1, model.shared_bias)
    if not model.coupled:
        return torch.cholesky_solve(gradient[..., None], torch.linalg.cholesky(information))[..., 0]
    return _tied_step(gradient, information, precision, model.shared_bias)


def _tied_step(gradient: Tensor, information: Tensor, precision: float, shared_bias: bool) -> Tensor:
    """A state's own variables x_s are its weights, with its bias unless that is shared; shared are y = (w_0, bias).

    A state's step is A x_s + B y, and A x_s - V y is penalised by P / 2, which leaves blocks L_s, their couplings C_s
    to y, and the corner K where they meet:

        (K - sum of C_s^T L_s^-1 C_s) y = r - sum of C_s^T L_s^-1 r_s,   x_s = L_s^-1 (r_s - C_s y).
    """
    S, D = gradient.shape[-3], gradient.shape[-1]
    everything = torch.eye(D, dtype=gradient.dtype, device=gradient.device)
    own = everything[:, : D - 1] if shared_bias else everything  # A
    shared = everything[:, 0 if precision else D - 1 : D if shared_bias else D - 1]
    bias = shared * everything[:, -1:]  # B
    mean = shared - bias  # V
    penalty = precision * (everything - torch.outer(everything[-1], everything[-1]))
    block = own.T @ (information + penalty) @ own
    coupling = own.T @ (information @ bias - penalty @ mean)
    corner = bias.T @ information.sum(-4) @ bias + S * mean.T @ penalty @ mean
    solved = torch.cholesky_solve(
        torch.cat(((gradient @ own)[..., None], coupling), dim=-1), torch.linalg.cholesky(block)
    )
    alone, along = solved[..., :1], solved[..., 1:]  # L^-1 r, L^-1 C
    rest = (gradient.sum(-3) @ bias)[..., None] - (coupling.mT @ alone).sum(-4)
    meeting = torch.cholesky_solve(rest, torch.linalg.cholesky(corner - (coupling.mT @ along).sum(-4)))[
        ..., None, :, :, :
    ]
    return (own @ (alone - along @ meeting) + bias @ meeting)[..., 0]


def climb(
    weights: Float[Tensor, "runs states neurons features"],
    step: Float64[Tensor, "runs states neurons features"],
    data: Weighted,
    model: HMMGLM,
    allowed: Bool[Tensor, "neurons features"],
) -> Float[Tensor, "runs states neurons features"]:
    """`weights` + `step`, each part that would not gain halved until it does, or left out: a part is a state of a
    neuron, or all of a neuron's where they are tied. A loss within the rounding of its sum counts as none.
    """
    before = log_prior(weights, allowed, model.prior, model.l1)
    rounding = _rounding(weights, data, model)
    scale = weights.new_ones(*weights.shape[:3], 1)
    for _ in range(HALVINGS):
        after = (weights + scale * step).to(weights.dtype)
        gained = sums.gain(weights, after, data) + log_prior(after, allowed, model.prior, model.l1) - before
        if model.coupled:
            gained = gained.sum(1, keepdim=True)
        good = (gained >= -rounding).expand(weights.shape[:3])[..., None]  # false for NaN
        if good.all():
            return after
        scale = torch.where(good, scale, scale / 2)
    return torch.where(good, after, weights)


def _rounding(weights: Tensor, data: Weighted, model: HMMGLM) -> Tensor:
    """[R, S or 1, N]: what rounding makes of a sum of differences that are 0."""
    bins = data.shares.sum(1, dtype=torch.float64)[..., None].expand(weights.shape[:3])
    rounding = 4 * torch.finfo(weights.dtype).eps * bins.sqrt()
    return rounding.sum(1, keepdim=True) if model.coupled else rounding


def _improve_by_gradients(weights: Tensor, data: Weighted, model: HMMGLM, allowed: Tensor) -> Tensor:
    """A few steps of L-BFGS, scaled by the information's diagonal: a problem is a state of a neuron, or all if tied."""
    R, S, N, D = weights.shape
    before = log_prior(weights, allowed, model.prior, 0.0)
    precision = model.prior.precision if model.coupled and model.prior is not None else 0.0
    _, diagonal = sums.gradient_and_curvature(weights, data)
    diagonal[..., :-1] += precision
    if model.shared_bias:
        diagonal[..., -1] = diagonal[..., -1].mean(1, keepdim=True)

    def pack(x: Tensor) -> Tensor:
        return x.transpose(1, 2).reshape(R * N, S * D) if model.coupled else x.reshape(R * S * N, D)

    def unpack(x: Tensor) -> Tensor:
        return x.view(R, N, S, D).transpose(1, 2) if model.coupled else x.view(R, S, N, D)

    def objective(change: Tensor) -> tuple[Tensor, Tensor]:
        after = (weights + unpack(change)).to(weights.dtype)
        gained = sums.gain(weights, after, data) + log_prior(after, allowed, model.prior, 0.0) - before
        slope = torch.where(allowed, sums.gradient(after, data) + log_prior_gradient(after, model.prior), 0)
        if model.shared_bias:
            slope[..., -1] = slope[..., -1].mean(1, keepdim=True)  # within the space of equal biases
        return (gained.sum(1) if model.coupled else gained).flatten(), pack(slope)

    start = torch.zeros_like(weights, dtype=torch.float64)
    negligible = _rounding(weights, data, model).flatten()
    change = maximise(objective, pack(start), QUASI_STEPS, pack(1 / diagonal.clamp(min=RIDGE)), negligible)
    return (weights + unpack(change)).to(weights.dtype)
