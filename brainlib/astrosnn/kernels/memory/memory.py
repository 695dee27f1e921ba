"""The memory as one operation on a whole sequence, whichever form and implementation computes it."""

import importlib.util
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from brainlib.astrosnn import reference
from brainlib.astrosnn.kernels.memory.chunked import chunked
from brainlib.astrosnn.kernels.memory.operation import kernel
from brainlib.astrosnn.kernels.memory.step import recurrent

Form = Literal["auto", "recurrent", "parallel", "chunked"]
Implementation = Literal["auto", "reference", "torch", "cpu", "triton"]
FORMS = {"cpu": "recurrent", "triton": "chunked", "reference": "recurrent", "torch": "chunked"}
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
    """What the astrocyte answers to each token, and its state after the last (chapters 1 to 3).

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
    numba, "triton" the chunked one for a GPU (no delta rule), "reference" is the loop in float64. "auto" takes what is
    fastest of what was left open. Where query, key and value are narrower than float32, the others and the state are
    float32.

    Raises `ValueError` for an unknown name, an implementation that does not have the form or device, no token at all,
    shapes that do not fit, and dtypes or devices that differ.
    """
    state = checked(query, key, value, log_decay, write, state)
    form, impl = chosen(form, impl, query, write)
    inputs = query, key, value, log_decay, write, state
    if impl in ("cpu", "triton"):
        return kernel(*inputs, impl)
    wide = torch.float64 if impl == "reference" else state.dtype
    inputs = [None if tensor is None else tensor.to(wide) for tensor in inputs]
    if impl == "reference":
        output, last = reference.memory(*inputs)
    elif form == "recurrent":
        output, last = recurrent(*inputs)
    else:
        output, last = chunked(*inputs, length=query.shape[1] if form == "parallel" else min(LENGTH, query.shape[1]))
    return output.to(query.dtype), last.to(state.dtype)


def chosen(form: str, impl: str, query: Tensor, write: Tensor | None) -> tuple[str, str]:
    """The form and the implementation that compute it."""
    for name, got, names in (("form", form, get_args(Form)), ("impl", impl, get_args(Implementation))):
        if got not in names:
            raise ValueError(f"{name}: got {got!r}, expected one of {', '.join(names)}")
    on_cpu = query.device.type == "cpu"
    if impl == "auto":
        if on_cpu and form in ("auto", "recurrent") and query.dtype in (torch.float32, torch.float64):
            impl = "cpu"
        elif query.is_cuda and form in ("auto", "chunked") and write is None and importlib.util.find_spec("triton"):
            impl = "triton"
        else:
            impl = "torch"
    if impl in ("cpu", "triton", "reference") and form not in ("auto", FORMS[impl]):
        raise ValueError(f"form: got {form!r} with impl {impl!r}, expected {FORMS[impl]!r}")
    if impl == "cpu" and not (on_cpu and query.dtype in (torch.float32, torch.float64)):
        raise ValueError(f"impl: got 'cpu' for {query.dtype} on {query.device}, expected float32 or float64 on the CPU")
    if impl == "triton" and write is not None:
        raise ValueError("impl: got 'triton' with write, expected 'torch' for the delta rule")
    return FORMS[impl] if form == "auto" else form, impl


def checked(query, key, value, log_decay, write, state) -> Tensor:
    """The state to start from."""
    B, T, h, d_key = query.shape
    if not query.numel() or not value.numel():
        raise ValueError(
            f"query, value: got {tuple(query.shape)}, {tuple(value.shape)}, expected at least one of each axis"
        )
    wide = query.dtype if query.dtype.itemsize >= 4 else torch.float32
    gates = (h,) if log_decay.ndim == 1 else (B, T, h)
    expected = {
        "key": (key, (B, T, h, d_key), query.dtype),
        "value": (value, (B, T, h, value.shape[-1]), query.dtype),
        "log_decay": (log_decay, gates, wide),
        "write": (write, (B, T, h), wide),
        "state": (state, (B, h, d_key, value.shape[-1]), wide),
    }
    for name, (tensor, shape, dtype) in expected.items():
        if tensor is None:
            continue
        if tensor.shape != shape:
            raise ValueError(
                f"{name}: got shape {tuple(tensor.shape)}, expected {shape} beside query's {tuple(query.shape)}"
            )
        if (tensor.dtype, tensor.device) != (dtype, query.device):
            got, wanted = f"{tensor.dtype} on {tensor.device}", f"{dtype} on {query.device}"
            raise ValueError(f"{name}: got {got}, expected {wanted} beside query's {query.dtype}")
    return query.new_zeros(expected["state"][1], dtype=wide) if state is None else state
