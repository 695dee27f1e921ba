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
from brainlib.bdh.kernels import slabs


class Options(NamedTuple):
    precision: torch.dtype  # of the matrix products
    dropout: float = 0.0
    return_state: bool = True  # compute the synapses after the last token
    bptt: bool = True  # gradients reach earlier tokens
    impl: str = "cpu"
    seed: int = 0

    @property
    def kernels(self) -> ModuleType:
        return slabs if self.impl == "cpu" else importlib.import_module("brainlib.bdh.kernels.triton")


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
    impl: Literal["auto", "cpu", "triton"] = "auto",
) -> tuple[Float[Tensor, "batch time dim"], Float[Tensor, "batch heads head_neurons dim"] | None]:
    """E y and the new synapses of one layer: Appendix E, with eq. (8)'s rho in the frame that does not rotate.

    x = relu(v Dx), q = RoPE(x), a_t = sum over s < t of f^(t-s) (q_t . q_s) v_s + f^t q_t rho, y = relu(LN(a) Dy) * x,
    with f = exp(-decay) of each head (None: 1, nothing fades), a constant to the gradient. `synapses` is rho as token 0
    finds it (None: zero); with `return_state` it is also returned as the token after the last would find it, else None.
    `dropout` is the chance that an entry of y is dropped. Without `bptt` earlier tokens and the synapses are
    constants to the gradient (section 7.2). Under autocast the matrix products run in its dtype.

    `impl` "cpu" is torch operations, good on any device, "triton" needs a GPU; "auto" takes what is fast on the device
    of `v`. Raises `ValueError` for another name.
    """
    kind = v.device.type
    if impl == "auto":
        on_gpu = kind == "cuda" and v.dtype == torch.float32 and importlib.util.find_spec("triton")
        impl = "triton" if on_gpu else "cpu"
    if impl not in ("cpu", "triton"):
        raise ValueError(f"impl: got {impl!r}, expected 'auto', 'cpu' or 'triton'")
    halved = decoder_x.dtype.itemsize < v.dtype.itemsize  # weights in half precision, the channel in single
    precision = decoder_x.dtype if halved else product_dtype(v)
    seed = torch.randint(2**62, ()) if dropout else torch.zeros((), dtype=torch.int64)
    if synapses is not None and not bptt:
        synapses = synapses.detach()
    options = precision, dropout, return_state, bptt, impl, seed
    with torch.autocast(kind, enabled=False):
        update, after, *_ = bdh_layer(v, decoder_x, decoder_y, encoder, rope, synapses, decay, *options)
    if not return_state:
        return update, None
    return update, after if bptt else after.detach()


TENSORS = "Tensor v, Tensor decoder_x, Tensor decoder_y, Tensor encoder, Tensor rope, Tensor? synapses, Tensor? decay"
OPTIONS = "ScalarType precision, float dropout, bool return_state, bool bptt, str impl, Tensor seed"


@torch.library.custom_op("brainlib::bdh_layer", mutates_args=(), schema=f"({TENSORS}, {OPTIONS}) -> Tensor[]")
def bdh_layer(*inputs):
    v, options = inputs[0], Options(*inputs[7:-1], seed=int(inputs[-1]))
    update, after, *saved = options.kernels.forward(*inputs[:7], options)
    return [update, or_empty(after, v), *saved]


@torch.library.custom_op(
    "brainlib::bdh_layer_backward",
    mutates_args=(),
    schema=f"(Tensor? d_update, Tensor? d_after, Tensor[] saved, {TENSORS}, {OPTIONS}) -> Tensor[]",
)
def bdh_layer_backward(d_update, d_after, saved, *inputs):
    v, options = inputs[0], Options(*inputs[7:-1], seed=int(inputs[-1]))
    gradients = options.kernels.backward(d_update, d_after, *inputs[:7], *saved, options=options)
    return [or_empty(gradient, v) for gradient in gradients]


@bdh_layer.register_fake
def _(v, decoder_x, *inputs):
    (B, _, D), (H, _, K), options = v.shape, decoder_x.shape, Options(*inputs[5:-1])
    saved = slabs.saved_tensors(v, H, K, options)
    after = v.new_empty((B, H, K, D) if options.return_state else 0)
    return [torch.empty_like(v), after, *(saved if options.impl == "cpu" else saved[:2])]


@bdh_layer_backward.register_fake
def _(d_update, d_after, saved, v, decoder_x, decoder_y, encoder, rope, synapses, decay, *options):
    bptt = options[3]
    gradients = v, decoder_x, decoder_y, encoder, synapses if bptt else None
    return [torch.empty_like(or_empty(t, v)) for t in gradients]


def save(ctx, inputs, output):
    ctx.save_for_backward(*inputs[:7], inputs[-1], *output[2:])
    ctx.options = inputs[7:-1]
    ctx.set_materialize_grads(False)


def differentiate(ctx, d_outputs):
    *tensors, seed = ctx.saved_tensors[:8]
    saved, options = ctx.saved_tensors[8:], Options(*ctx.options)
    d_update, d_after = d_outputs[0], d_outputs[1] if options.return_state else None
    *found, d_synapses = bdh_layer_backward(d_update, d_after, saved, *tensors, *ctx.options, seed)
    learning = tensors[5] is not None and options.bptt
    return *found, None, d_synapses if learning else None, *[None] * 7


bdh_layer.register_autograd(differentiate, setup_context=save)


def or_empty(tensor: Tensor | None, like: Tensor) -> Tensor:
    """An operation cannot return None: an empty tensor stands for it."""
    return like.new_empty(0) if tensor is None else tensor
