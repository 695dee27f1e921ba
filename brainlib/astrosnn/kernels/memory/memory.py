"""The memory as one operation on a whole sequence, whichever form and implementation computes it."""

import importlib
import importlib.util
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from brainlib.astrosnn.checks import one_of, require_tensor
from brainlib.astrosnn.kernels.memory.forms import chunked, recurrent
from brainlib.operation import Operation

Form = Literal["auto", "recurrent", "parallel", "chunked"]
Implementation = Literal["auto", "torch", "cpu", "triton"]
FORMS = {"cpu": "recurrent", "triton": "chunked", "torch": "chunked"}
LENGTH = 32  # tokens a chunk


def astrocyte_memory(
    query: Float[Tensor, "batch time heads key_dim"],
    key: Float[Tensor, "batch time heads key_dim"],
    value: Float[Tensor, "batch time heads value_dim"],
    log_decay: Float[Tensor, "heads"] | Float[Tensor, "batch time heads"],
    write: Float[Tensor, "batch time heads"] | None = None,
    state: Float[Tensor, "batch heads key_dim value_dim"] | None = None,
    *,
    form: Form = "auto",
    impl: Implementation = "auto",
) -> tuple[Float[Tensor, "batch time heads value_dim"], Float[Tensor, "batch heads key_dim value_dim"]]:
    """What the astrocyte answers to each token, and its state after the last.

        H'_t = exp(log_decay_t) H_{t-1}
        H_t  = H'_t + k_t v_t^T                             without `write`
        H_t  = H'_t + eta_t k_t (v_t - k_t H'_t)^T          with it: the delta rule, which takes out what the decayed
                                                            memory would answer to its key
        o_t  = q_t H_t

    o = H q, with H driven by k and v, is the overview figure's; how H changes, and that a token reads what it has just
    written, is a reconstruction. `log_decay` [heads] is a fixed decay, [batch, time, heads] a gated one: at most 0,
    -inf forgets everything. `write` is the delta rule's eta, in (0, 1) where keys are at most 1 long. `state` is
    H_0 (None: zeros), kept as K^T V. Gradients reach everything.

    `form`: "recurrent" is a token after the other, "parallel" all pairs of tokens at once (quadratic in time),
    "chunked" pairs within chunks. `impl`: "torch" has all three on any device, "cpu" the recurrent form compiled by
    numba, "triton" the chunked one for a GPU (no delta rule). "auto" takes what is fastest of what was left open. Where
    query, key and value are narrower than float32, the others and the state are float32.

    Raises `ValueError` for an unknown name, an implementation that does not have the form or device, no token at all,
    shapes that do not fit, and dtypes or devices that differ.

        >>> key, value = torch.zeros(1, 4, 1, 2), torch.zeros(1, 4, 1, 1)
        >>> key[0, 0, 0, 0] = value[0, 0] = 1.0  # one pair, at the first of 4 tokens
        >>> query = torch.tensor([1.0, 0.0]).expand(1, 4, 1, 2)
        >>> output, memory = astrocyte_memory(query, key, value, torch.tensor([0.5]).log())
        >>> output.flatten().tolist(), memory.shape
        ([1.0, 0.5, 0.25, 0.125], torch.Size([1, 1, 2, 1]))
    """
    B, T, h, d_key = query.shape
    if not query.numel() or not value.numel():
        got = f"{tuple(query.shape)}, {tuple(value.shape)}"
        raise ValueError(f"query, value: got {got}, expected at least one of each axis")
    wide = torch.promote_types(query.dtype, torch.float32)
    require_tensor("key", key, query.shape, query)
    require_tensor("value", value, (B, T, h, value.shape[-1]), query)
    require_tensor("log_decay", log_decay, (h,) if log_decay.ndim == 1 else (B, T, h), query, wide)
    if write is not None:
        require_tensor("write", write, (B, T, h), query, wide)
    if state is None:
        state = query.new_zeros(B, h, d_key, value.shape[-1], dtype=wide)
    require_tensor("state", state, (B, h, d_key, value.shape[-1]), query, wide)
    how, by = chosen(form, impl, query, write)
    inputs: Any = query, key, value, log_decay, write, state
    if by != "torch":
        output, last, _ = memory(*(tensor if tensor is None else tensor.contiguous() for tensor in inputs), by)
        return output, last
    inputs = [tensor if tensor is None else tensor.to(wide) for tensor in inputs]
    if how == "recurrent":
        output, last = recurrent(*inputs)
    else:
        output, last = chunked(*inputs, length=T if how == "parallel" else min(LENGTH, T))
    return output.to(query.dtype), last


def chosen(form: str, impl: str, query: Tensor, write: Tensor | None) -> tuple[str, str]:
    """The form and the implementation that compute it."""
    one_of("form", form, get_args(Form))
    one_of("impl", impl, get_args(Implementation))
    compilable = query.device.type == "cpu" and query.dtype in (torch.float32, torch.float64)
    if impl == "auto":
        if compilable and form in ("auto", "recurrent"):
            impl = "cpu"
        elif query.is_cuda and form in ("auto", "chunked") and write is None and importlib.util.find_spec("triton"):
            impl = "triton"
        else:
            impl = "torch"
    if impl != "torch" and form not in ("auto", FORMS[impl]):
        raise ValueError(f"form: got {form!r} with impl {impl!r}, expected {FORMS[impl]!r}")
    if impl == "cpu" and not compilable:
        raise ValueError(f"impl: got 'cpu' for {query.dtype} on {query.device}, expected float32 or float64 on the CPU")
    if impl == "triton" and write is not None:
        raise ValueError("impl: got 'triton' with write, expected 'torch' for the delta rule")
    return FORMS[impl] if form == "auto" else form, impl


def forward(
    query: Tensor, key: Tensor, value: Tensor, log_decay: Tensor, write: Tensor | None, state: Tensor, impl: str
) -> tuple[Tensor, Tensor, Tensor]:
    module = importlib.import_module(f"brainlib.astrosnn.kernels.memory.{impl}")
    return module.forward(query, key, value, log_decay, write, state)


def backward(
    d_output: Tensor | None, d_last: Tensor | None, query: Tensor, key: Tensor, value: Tensor, log_decay: Tensor,
    write: Tensor | None, state: Tensor, errors: Tensor, impl: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    module = importlib.import_module(f"brainlib.astrosnn.kernels.memory.{impl}")
    d_output = torch.zeros_like(value) if d_output is None else d_output.contiguous()
    d_last = torch.zeros_like(state) if d_last is None else d_last.contiguous()
    return module.backward(d_output, d_last, query, key, value, log_decay, write, state, errors)


def save(ctx, inputs, output):
    *tensors, ctx.impl = inputs
    ctx.save_for_backward(*tensors, output[2])
    ctx.mark_non_differentiable(output[2])
    ctx.set_materialize_grads(False)


def differentiate(backward, ctx, d_output, d_last, _):
    if d_output is None and d_last is None:
        return (None,) * 7
    *gradients, d_write, d_state = backward(d_output, d_last, *ctx.saved_tensors, ctx.impl)
    return *gradients, d_write if d_write.numel() else None, d_state, None


def fake(query, key, value, log_decay, write, state, impl):
    errors = value.new_empty(0, 0, 0, 0) if write is None else torch.empty_like(value)
    return torch.empty_like(value), torch.empty_like(state), errors


def fake_backward(d_output, d_last, query, key, value, log_decay, write, state, errors, impl):
    likes = query, key, value, log_decay, errors if write is None else write, state
    return tuple(torch.empty_like(tensor) for tensor in likes)


memory = Operation(
    "astrocyte_memory", forward, backward,
    fake=fake, fake_backward=fake_backward, save=save, differentiate=differentiate,
)  # fmt: skip
