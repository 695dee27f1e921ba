"""`wkv` and its gradients: compiled for the CPU, in torch operations elsewhere."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

NOTHING = -1e30  # the log of a weight of 0


class WKVState(NamedTuple):
    """The average of the past values, and the log of the sum of their weights."""

    mean: Float[Tensor, "batch channels"]
    log_weight: Float[Tensor, "batch channels"]


def wkv(
    key: Float[Tensor, "batch time channels"],
    value: Float[Tensor, "batch time channels"],
    decay: Float[Tensor, "channels"],
    bonus: Float[Tensor, "channels"],
    state: WKVState | None = None,
) -> tuple[Float[Tensor, "batch time channels"], WKVState]:
    """y_1 to y_T and the state after them; `decay` is w, in e-folds a token and at least 0, `bonus` u.

    Gradients reach everything. Used by the mixers rwkv and spikegpt, in the chapters on memory and on language.
    Raises `ValueError` for shapes, dtypes or devices that do not fit.
    """
    batch, _, channels = key.shape
    if state is None:
        state = WKVState(key.new_zeros(batch, channels), key.new_full((batch, channels), NOTHING))
    for name, tensor, shape in (
        ("value", value, key.shape),
        ("decay", decay, (channels,)),
        ("bonus", bonus, (channels,)),
        ("state.mean", state.mean, (batch, channels)),
        ("state.log_weight", state.log_weight, (batch, channels)),
    ):
        found, expected = ((tuple(s), t.dtype, t.device) for s, t in ((tensor.shape, tensor), (shape, key)))
        if found != expected:
            raise ValueError(f"{name}: got shape, dtype and device {found}, expected {expected}")
    tensors = (key, value, decay, bonus, *state)
    if key.device.type == "cpu":
        keep = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
        y, mean, log_weight, *_ = wkv_operation(*tensors, keep)
    else:
        y, mean, log_weight = doubling(*tensors)
    return y, WKVState(mean, log_weight)


@torch.library.custom_op("brainlib::wkv", mutates_args=())
def wkv_operation(
    key: Tensor, value: Tensor, decay: Tensor, bonus: Tensor, mean: Tensor, log_weight: Tensor, keep: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """y, the state after, and if `keep` what the way back needs: m before each token, and both sigmoids."""
    from brainlib.astrosnn.kernels.wkv import cpu

    return cpu.forward(key, value, decay, bonus, mean, log_weight, keep)


@torch.library.custom_op("brainlib::wkv_backward", mutates_args=())
def wkv_backward_operation(
    d_y: Tensor, d_mean: Tensor, d_weight: Tensor, value: Tensor, means: Tensor, nows: Tensor, laters: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    from brainlib.astrosnn.kernels.wkv import cpu

    return cpu.backward(d_y, d_mean, d_weight, value, means, nows, laters)


@wkv_operation.register_fake
def _(key, value, decay, bonus, mean, log_weight, keep):
    y = torch.empty_like(key, memory_format=torch.contiguous_format)
    after = (torch.empty_like(tensor, memory_format=torch.contiguous_format) for tensor in (mean, log_weight))
    return y, *after, *(torch.empty_like(y if keep else y[:0]) for _ in range(3))


@wkv_backward_operation.register_fake
def _(d_y, d_mean, d_weight, value, means, nows, laters):
    B, _, D = means.shape
    shapes = (means.shape, means.shape, (D,), (D,), (B, D), (B, D))
    return tuple(means.new_empty(shape) for shape in shapes)


def save(ctx, inputs, output):
    _, mean, log_weight, *kept = output
    ctx.save_for_backward(inputs[1], mean, log_weight, *kept)
    ctx.set_materialize_grads(False)


def differentiate(ctx, d_y, d_mean, d_weight, *_):
    value, mean, log_weight, *kept = ctx.saved_tensors
    d_y, d_mean, d_weight = (
        torch.zeros_like(like) if gradient is None else gradient
        for gradient, like in ((d_y, value), (d_mean, mean), (d_weight, log_weight))
    )
    return *wkv_backward_operation(d_y, d_mean, d_weight, value, *kept), None


wkv_operation.register_autograd(differentiate, setup_context=save)


def doubling(key, value, decay, bonus, mean, log_weight) -> tuple[Tensor, Tensor, Tensor]:
    """The same in log2(T) passes of torch operations: spans of tokens are averaged by twos, fours, eights ..."""
    means, weights = torch.cat((mean[:, None], value), 1), torch.cat((log_weight[:, None], key), 1)
    steps, span = means.shape[1], 1
    while span < steps:  # row t averages the last `span` tokens up to t, and then as many before them
        earlier = pad(weights[:, :-span] - span * decay, (0, 0, span, 0), value=NOTHING)
        earlier_means = pad(means[:, :-span], (0, 0, span, 0))
        means = earlier_means + torch.sigmoid(weights - earlier) * (means - earlier_means)
        weights = torch.logaddexp(weights, earlier)
        span *= 2
    before, log_before = means[:, :-1], weights[:, :-1]
    y = before + torch.sigmoid(bonus + key - log_before) * (value - before)
    return y, means[:, -1], weights[:, -1]
