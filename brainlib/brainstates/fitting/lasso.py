"""The quadratic model of an M-step with an L1 penalty, maximised by coordinate descent for all neurons at once."""

import torch
from jaxtyping import Float64
from torch import Tensor

SWEEPS = 50
SETTLED = 1e-5  # a change of a weight that ends the sweeps


def lasso_step(
    weights: Float64[Tensor, "runs states neurons features"],
    gradient: Float64[Tensor, "runs states neurons features"],
    information: Float64[Tensor, "runs states neurons features features"],
    precision: float,
    l1: float,
    shared_bias: bool,
) -> Float64[Tensor, "runs states neurons features"]:
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
        bias, bend = residual[..., -1], bends[..., -1]
        if shared_bias:
            bias, bend = bias.sum(1, keepdim=True), bend.sum(1, keepdim=True)
        move(D - 1, (bias / bend).expand(weights.shape[:-1]))
        mean = step[..., :-1].mean(1, keepdim=True)
        if (step - start).abs().max() < SETTLED:
            break
    return step
