"""One token of the astrocyte's memory, and the recurrent form: a step after the other, in torch operations."""

import torch
from jaxtyping import Float
from torch import Tensor


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

    o = H q is the overview figure's; how H changes is a reconstruction. The state is not changed in place. Used by
    generation (chapter 3).
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
    outputs = []
    for t in range(query.shape[1]):
        decay = log_decay if log_decay.ndim == 1 else log_decay[:, t]
        eta = None if write is None else write[:, t]
        output, state = memory_step(query[:, t], key[:, t], value[:, t], decay, eta, state)
        outputs.append(output)
    return torch.stack(outputs, 1), state
