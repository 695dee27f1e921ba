"""The layer as one differentiable operation, whichever implementation computes it: autograd and torch.compile see
`brainlib::bdh_layer` and, on the way back, `brainlib::bdh_layer_backward`.
"""

import importlib.util
from types import ModuleType
from typing import Literal, NamedTuple

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from brainlib.backend import product_dtype
from brainlib.bdh.kernels import reference, slabs


class Options(NamedTuple):
    precision: torch.dtype  # of the matrix products
    dropout: float = 0.0
    seed: int = 0
    return_state: bool = True  # compute the synapses after the last token
    bptt: bool = True  # gradients reach earlier tokens
    differentiate: bool = True  # a backward pass may follow


def neuron_layer(
    v: Float[Tensor, "batch time dim"],
    decoder_x: Float[Tensor, "heads dim head_neurons"],
    decoder_y: Float[Tensor, "heads dim head_neurons"],
    encoder: Float[Tensor, "heads head_neurons dim"],
    rope: Complex[Tensor, "time pairs"],
    synapses: Float[Tensor, "batch heads head_neurons dim"] | None,
    decay: Float[Tensor, "heads"] | None = None,
    *,
    dropout: float = 0.0,
    return_state: bool = True,
    bptt: bool = True,
    impl: Literal["auto", "reference", "cpu", "triton"] = "auto",
) -> tuple[Float[Tensor, "batch time dim"], Float[Tensor, "batch heads head_neurons dim"] | None]:
    """E y and the new synapses of one layer: Appendix E, with eq. (8)'s rho in the frame that does not rotate.

    x = relu(v Dx), q = RoPE(x), a_t = sum over s < t of f^(t-s) (q_t . q_s) v_s + f^t q_t rho, y = relu(LN(a) Dy) * x,
    with f = exp(-decay) of each head (None: 1, nothing fades). `synapses` is rho as token 0 finds it (None: zero);
    with `return_state` it is also returned as the token after the last would find it, else None.
    `dropout` is the chance that an entry of y is dropped. Without `bptt` earlier tokens and the synapses are
    constants to the gradient (section 7.2). Under autocast the matrix products run in its dtype.

    `impl` "cpu" is torch operations, good on any device, "triton" needs a GPU, "reference" reads token by token in
    float64; "auto" takes what is fast on the device of `v`. Raises `ValueError` for another name, and for dropout with
    the reference.
    """
    kind = v.device.type
    if impl == "auto":
        on_gpu = kind == "cuda" and v.dtype == torch.float32 and importlib.util.find_spec("triton")
        impl = "triton" if on_gpu else "cpu"
    if impl not in ("reference", "cpu", "triton"):
        raise ValueError(f"impl: got {impl!r}, expected 'auto', 'reference', 'cpu' or 'triton'")
    if impl == "reference" and dropout:
        raise ValueError(f"dropout: got {dropout}, expected 0: the reference has none")
    halved = decoder_x.dtype.itemsize < v.dtype.itemsize  # weights in half precision, the channel in single
    precision = decoder_x.dtype if halved else product_dtype(v)
    seed = torch.randint(2**62, ()) if dropout else torch.zeros((), dtype=torch.int64)
    if synapses is not None and not bptt:
        synapses = synapses.detach()
    inputs = v, decoder_x, decoder_y, encoder, rope, synapses, decay
    with torch.autocast(kind, enabled=False):
        if impl == "reference":
            update, after = reference.neuron_layer(*inputs, bptt)
        else:
            options = precision, dropout, return_state, bptt, torch.is_grad_enabled(), impl
            update, after, *_ = bdh_layer(*inputs, seed, *options)
    if not return_state:
        return update, None
    return update, after if bptt else after.detach()


@torch.library.custom_op("brainlib::bdh_layer", mutates_args=())
def bdh_layer(
    v: Tensor,
    decoder_x: Tensor,
    decoder_y: Tensor,
    encoder: Tensor,
    rope: Tensor,
    synapses: Tensor | None,
    decay: Tensor | None,
    seed: Tensor,
    precision: torch.dtype,
    dropout: float,
    return_state: bool,
    bptt: bool,
    differentiate: bool,
    impl: str,
) -> list[Tensor]:
    options = Options(precision, dropout, int(seed), return_state, bptt, differentiate)
    update, after, *saved = implementation(impl).forward(
        v, decoder_x, decoder_y, encoder, rope, synapses, decay, options
    )
    return [update, or_empty(after, v), *saved]


@torch.library.custom_op("brainlib::bdh_layer_backward", mutates_args=())
def bdh_layer_backward(
    d_update: Tensor | None,
    d_after: Tensor | None,
    v: Tensor,
    decoder_x: Tensor,
    decoder_y: Tensor,
    encoder: Tensor,
    rope: Tensor,
    synapses: Tensor | None,
    decay: Tensor | None,
    saved: list[Tensor],
    seed: Tensor,
    precision: torch.dtype,
    dropout: float,
    return_state: bool,
    bptt: bool,
    impl: str,
) -> list[Tensor]:
    options = Options(precision, dropout, int(seed), return_state, bptt, True)
    gradients = implementation(impl).backward(
        d_update, d_after, v, decoder_x, decoder_y, encoder, rope, synapses, decay, *saved, options=options
    )
    return [or_empty(gradient, v) for gradient in gradients]


@bdh_layer.register_fake
def _(v, decoder_x, decoder_y, encoder, rope, synapses, decay, seed, precision, dropout, return_state, *options):
    (B, _, D), (H, _, K) = v.shape, decoder_x.shape
    bptt, differentiate, impl = options
    options = Options(precision, dropout, 0, return_state, bptt, differentiate)
    saved = slabs.saved_tensors(v, H, K, options)
    return [
        torch.empty_like(v),
        v.new_empty((B, H, K, D) if return_state else 0),
        *(saved if impl == "cpu" else saved[:2]),
    ]


@bdh_layer_backward.register_fake
def _(d_update, d_after, v, decoder_x, decoder_y, encoder, rope, synapses, decay, saved, seed, *options):
    bptt = options[3]
    gradients = v, decoder_x, decoder_y, encoder, synapses if bptt else None, decay
    return [torch.empty_like(or_empty(t, v)) for t in gradients]


def save(ctx, inputs, output):
    *tensors, precision, dropout, return_state, bptt, _, impl = inputs
    ctx.save_for_backward(*tensors, *output[2:])
    ctx.options = precision, dropout, return_state, bptt, impl
    ctx.set_materialize_grads(False)


def differentiate(ctx, d_outputs):
    v, decoder_x, decoder_y, encoder, rope, synapses, decay, seed, *saved = ctx.saved_tensors
    inputs = v, decoder_x, decoder_y, encoder, rope, synapses, decay
    _, _, return_state, bptt, _ = ctx.options
    d_update, d_after, *_ = d_outputs
    *found, d_synapses, d_decay = bdh_layer_backward(
        d_update, d_after if return_state else None, *inputs, saved, seed, *ctx.options
    )
    learning = synapses is not None and bptt
    return *found, None, d_synapses if learning else None, None if decay is None else d_decay, *[None] * 7


bdh_layer.register_autograd(differentiate, setup_context=save)


def implementation(name: str) -> ModuleType:
    return slabs if name == "cpu" else importlib.import_module(f"brainlib.bdh.kernels.{name}")


def or_empty(tensor: Tensor | None, like: Tensor) -> Tensor:
    """An operation cannot return None: an empty tensor stands for it."""
    return like.new_empty(0) if tensor is None else tensor
