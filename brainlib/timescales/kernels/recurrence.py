"""The recurrence as one differentiable operation, whichever implementation computes it."""

import importlib
import importlib.util
from types import ModuleType
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from brainlib.operation import Operation
from brainlib.timescales.kernels import reference

Activation = Literal["leaky_relu", "relu", "tanh"]
Implementation = Literal["auto", "reference", "compiled", "triton"]


def recurrence(
    bits: Float[Tensor, "time batch"],
    h0: Float[Tensor, "batch units"],
    weight: Float[Tensor, "units units"],
    input_weight: Float[Tensor, "units"],
    bias: Float[Tensor, "units"],
    leak: Float[Tensor, "units"],
    *,
    inside: bool = True,
    activation: Activation = "leaky_relu",
    impl: Implementation = "auto",
) -> tuple[Float[Tensor, "time batch units"], Float[Tensor, "batch units"]]:
    """The states h_1 to h_T of a leaky recurrent network, and h_T once more (official code).

    With u_t = W h_{t-1} + bias + input_weight x_t, x_t the bits of step t, and the leak a = 1 / tau of each unit, the
    share of its state that a time step replaces:

        inside      h_t = phi((1 - a) h_{t-1} + a u_t)
        otherwise   h_t = (1 - a) h_{t-1} + a phi(u_t)

    phi is `activation` (leaky_relu: slope 0.01). `weight[i, j]` leads from unit j to unit i, its diagonal as given. The
    leaks lie in (0, 1]: the caller answers for that. Gradients reach everything but the bits; a loss on h_T alone costs
    least if it takes h_T from the second output.

    `impl` "compiled" is numba's and needs a CPU, "triton" needs a GPU, "reference" is the equations as a loop under
    autograd, on any device; "auto" takes what is fast on the device of `h0`.

    >>> import torch
    >>> bits, leak = torch.tensor([[1.0], [0.0], [0.0]]), torch.tensor([0.5])
    >>> states, last = recurrence(bits, torch.zeros(1, 1), torch.zeros(1, 1), torch.ones(1), torch.zeros(1), leak)
    >>> states.flatten().tolist()  # one flash, and how a neuron with tau = 2 forgets it
    [0.5, 0.25, 0.125]

    Raises `ValueError` for another name of an activation or implementation, sizes that do not fit, no step at all,
    dtypes or devices that differ or are not float32 or float64, and for bits that ask for a gradient.
    """
    inputs = {"bits": bits, "h0": h0, "weight": weight, "input_weight": input_weight, "bias": bias, "leak": leak}
    check(inputs, activation, impl)
    if impl == "auto":
        on_gpu = "triton" if h0.is_cuda and importlib.util.find_spec("triton") else "reference"
        impl = "compiled" if h0.device.type == "cpu" else on_gpu
    if impl == "reference":
        return reference.recurrence(*inputs.values(), inside, activation)
    return leaky_recurrence(*(tensor.contiguous() for tensor in inputs.values()), inside, activation, impl)


def check(inputs: dict[str, Tensor], activation: str, impl: str) -> None:
    if activation not in get_args(Activation):
        raise ValueError(f"activation: got {activation!r}, expected one of {', '.join(get_args(Activation))}")
    if impl not in get_args(Implementation):
        raise ValueError(f"impl: got {impl!r}, expected one of {', '.join(get_args(Implementation))}")
    if inputs["bits"].requires_grad:
        raise ValueError("bits: got a tensor that requires a gradient, expected data")
    h0 = inputs["h0"]
    if h0.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"h0: got {h0.dtype}, expected torch.float32 or torch.float64")
    T, (B, n) = len(inputs["bits"]), h0.shape
    if not (T and B and n):
        raise ValueError(f"bits, h0: got {T} steps, {B} sequences and {n} units, expected at least one of each")
    shapes = {"bits": (T, B), "h0": (B, n), "weight": (n, n)}
    for name, tensor in inputs.items():
        if tensor.shape != shapes.get(name, (n,)):
            raise ValueError(f"{name}: got shape {tuple(tensor.shape)}, expected {shapes.get(name, (n,))} beside h0's")
        if (tensor.dtype, tensor.device) != (h0.dtype, h0.device):
            got, expected = f"{tensor.dtype} on {tensor.device}", f"{h0.dtype} on {h0.device}"
            raise ValueError(f"{name}: got {got}, expected {expected} as h0 has it")


def forward(
    bits: Tensor,
    h0: Tensor,
    weight: Tensor,
    input_weight: Tensor,
    bias: Tensor,
    leak: Tensor,
    inside: bool,
    activation: str,
    impl: str,
) -> tuple[Tensor, Tensor]:
    states = implementation(impl).forward(bits, h0, weight, input_weight, bias, leak, inside, activation)
    return states, states[-1].clone()


def backward(
    d_states: Tensor | None,
    d_last: Tensor | None,
    bits: Tensor,
    h0: Tensor,
    weight: Tensor,
    input_weight: Tensor,
    bias: Tensor,
    leak: Tensor,
    states: Tensor,
    inside: bool,
    activation: str,
    impl: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    d_states, d_last = (None if d is None else d.contiguous() for d in (d_states, d_last))
    return implementation(impl).backward(
        d_states, d_last, bits, h0, weight, input_weight, bias, leak, states, inside, activation
    )


def save(ctx, inputs, output):
    *tensors, inside, activation, impl = inputs
    ctx.save_for_backward(*tensors, output[0])
    ctx.options = inside, activation, impl
    ctx.set_materialize_grads(False)


def differentiate(backward, ctx, d_states, d_last):
    if d_states is None and d_last is None:
        return (None,) * 9
    return None, *backward(d_states, d_last, *ctx.saved_tensors, *ctx.options), None, None, None


def fake(bits, h0, weight, input_weight, bias, leak, inside, activation, impl):
    return h0.new_empty(len(bits), *h0.shape), torch.empty_like(h0)


def fake_backward(d_states, d_last, bits, h0, weight, input_weight, bias, leak, states, inside, activation, impl):
    return tuple(torch.empty_like(tensor) for tensor in (h0, weight, input_weight, bias, leak))


leaky_recurrence = Operation(
    "leaky_recurrence", forward, backward,
    fake=fake, fake_backward=fake_backward, save=save, differentiate=differentiate,
)  # fmt: skip


def implementation(name: str) -> ModuleType:
    return importlib.import_module(f"brainlib.timescales.kernels.{name}")
