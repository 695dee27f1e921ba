"""The memory in torch operations: one token, the recurrent form as a step after the other, and the chunked form.

One chunk of all tokens is the parallel form. Derivation: README.md beside this file. B batch, h heads, n chunks of C
tokens, d the size of keys or values.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.linalg import solve_triangular
from torch.nn.functional import pad

FORGOTTEN = -80.0  # a log decay below it counts as it: e^-80 is less than rounding, and differences stay finite


def memory_step(
    query: Float[Tensor, "batch heads key_dim"],
    key: Float[Tensor, "batch heads key_dim"],
    value: Float[Tensor, "batch heads value_dim"],
    log_decay: Float[Tensor, "heads"] | Float[Tensor, "batch heads"],
    write: Float[Tensor, "batch heads"] | None,
    state: Float[Tensor, "batch heads key_dim value_dim"],
) -> tuple[Float[Tensor, "batch heads value_dim"], Float[Tensor, "batch heads key_dim value_dim"]]:
    """What the astrocyte answers to one token, and its state after it, at a cost that does not depend on the past.

        H' = exp(log_decay) H
        H  = H' + k v^T, or, where `write` gives the delta rule's eta, H' + eta k (v - k H')^T
        o  = q H

    o = H q is the overview figure's; how H changes is a reconstruction. The state is not changed in place.
    """
    state = log_decay.exp()[..., None, None] * state
    if write is not None:
        value = write[..., None] * (value - read(key, state))
    state = state + key[..., :, None] * value[..., None, :]
    return read(query, state), state


def read(query: Tensor, state: Tensor) -> Tensor:
    """q H: [..., key_dim] and [..., key_dim, value_dim] give [..., value_dim]."""
    return (query[..., None, :] @ state)[..., 0, :]


def recurrent(query, key, value, log_decay, write, state) -> tuple[Tensor, Tensor]:
    """`astrocyte_memory` with a step a token; every argument as there, the state given."""
    outputs, tokens = [], (query, key, value, log_decay.expand(query.shape[:3]), write)
    for t in range(query.shape[1]):
        output, state = memory_step(*(x if x is None else x[:, t] for x in tokens), state)
        outputs.append(output)
    return torch.stack(outputs, 1), state


def chunked(query, key, value, log_decay, write, state, *, length: int) -> tuple[Tensor, Tensor]:
    """`astrocyte_memory` in chunks of `length` tokens; every argument as there, the state given."""
    time = query.shape[1]
    q, k, v = (in_chunks(tensor, length) for tensor in (query, key, value))  # [B, h, n, C, d]
    gated = log_decay if log_decay.ndim == 3 else log_decay.expand(1, time, -1)
    gated = in_chunks(gated.clamp(min=FORGOTTEN)[..., None], length)[..., 0]
    faded = gated.cumsum(-1, dtype=torch.float64)  # [B or 1, h, n, C]; only differences count
    later = torch.ones(length, length, dtype=torch.bool, device=query.device).triu(1)
    between = (faded[..., :, None] - faded[..., None, :]).to(v.dtype).masked_fill(later, -torch.inf).exp()
    begun, left, whole = (f.to(v.dtype).exp() for f in (faded, faded[..., -1:] - faded, faded[..., -1]))
    begun, left = begun[..., None], left[..., None]

    own, carried = v, None  # what a chunk writes: own + carried H, of the state H before it
    if write is not None:
        eta = in_chunks(write[..., None], length)
        lower = eta * (k @ k.mT) * between.tril(-1)
        solved = solve_triangular(lower, eta * torch.cat((v, -begun * k), -1), upper=False, unitriangular=True)
        own, carried = solved.split((v.shape[-1], k.shape[-1]), -1)
    fading = (left * k).mT
    before, state = states(whole, fading @ own, None if carried is None else fading @ carried, state)
    written = own if carried is None else own + carried @ before
    output = (q @ k.mT * between) @ written + begun * q @ before
    return output.flatten(2, 3)[:, :, :time].transpose(1, 2), state


def in_chunks(tensor: Tensor, length: int) -> Tensor:
    """[B, T, h, d] -> [B, h, n, C, d]; tokens that are added to fill the last chunk write nothing and nothing fades."""
    tensor = tensor.transpose(1, 2)
    missing = -tensor.shape[2] % length
    return (pad(tensor, (0, 0, 0, missing)) if missing else tensor).unflatten(2, (-1, length))


def states(whole: Tensor, written: Tensor, carried: Tensor | None, state: Tensor) -> tuple[Tensor, Tensor]:
    """The state before each chunk [B, h, n, d, d], and after the last: H <- whole H + written (+ carried H)."""
    before = []
    for n, (share, addition) in enumerate(zip(whole.unbind(2), written.unbind(2), strict=True)):
        before.append(state)
        after = share[..., None, None] * state + addition
        state = after if carried is None else after + carried[:, :, n] @ state
    return torch.stack(before, 2), state
