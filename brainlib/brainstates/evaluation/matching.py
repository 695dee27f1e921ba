"""The states of a fit have no names: which of them is which true one, and how many bins then agree.

A permutation p of the states reads: the fit's state p[s] plays the part of the true state s.
"""

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from brainlib.brainstates.parameters import Parameters
from brainlib.extras import extra


def match_states(
    true: Int64[Tensor, "trials time"],
    estimated: Int64[Tensor, "trials time"],
    lengths: Int64[Tensor, "trials"],
    states: int,
) -> Int64[Tensor, "states"]:
    """The permutation under which most bins of all trials agree, by the Hungarian method.

    `true` and `estimated` hold a state in 0 .. states - 1 for each bin; what lies beyond the lengths is ignored. The
    states of the fit may be more or fewer than the true ones: `states` is the larger number of the two.
    Raises `ValueError` for shapes that differ, lengths beyond the bins or states that are not there.
    """
    return _best(confusion(true, estimated, lengths, states))


def state_accuracy(
    true: Int64[Tensor, "trials time"],
    estimated: Int64[Tensor, "trials time"],
    lengths: Int64[Tensor, "trials"],
    states: int,
) -> float:
    """The share of bins whose state is right once the states are matched: one permutation for all trials.

    Raises as `match_states`.
    """
    counts = confusion(true, estimated, lengths, states).double()
    return (counts[torch.arange(states), _best(counts)].sum() / counts.sum()).item()


def confusion(
    true: Int64[Tensor, "trials time"],
    estimated: Int64[Tensor, "trials time"],
    lengths: Int64[Tensor, "trials"],
    states: int,
) -> Int64[Tensor, "states states"]:
    """How many bins of all trials are truly in state s (rows) and estimated in state s' (columns). On the CPU.

    Raises as `match_states`.
    """
    if states < 1:
        raise ValueError(f"states: got {states}, expected at least 1")
    same_shape(true=true, estimated=estimated)
    if len(lengths) != len(true):
        raise ValueError(f"lengths: got {len(lengths)}, expected one for each of the {len(true)} trials")
    true, estimated, lengths = true.cpu(), estimated.cpu(), lengths.cpu()
    mask = inside(lengths, true.shape[1])
    for name, labels in (("true", true), ("estimated", estimated)):
        low, high = labels[mask].aminmax()
        if low < 0 or high >= states:
            raise ValueError(f"{name}: got states {low} to {high}, expected 0 to {states - 1}")
    return torch.bincount((true * states + estimated)[mask], minlength=states**2).view(states, states)


def reorder(parameters: Parameters, permutation: Int64[Tensor, "states"]) -> Parameters:
    """The same model with its states in another order: state s of the result was state p[s].

    Raises `ValueError` for what is no permutation of the states.
    """
    order = _checked(permutation, parameters.log_initial.shape[-1]).to(parameters.weights.device)
    return parameters._replace(
        weights=parameters.weights.index_select(-3, order),
        log_transition=parameters.log_transition.index_select(-2, order).index_select(-1, order),
        log_initial=parameters.log_initial.index_select(-1, order),
    )


def _best(counts: Tensor) -> Int64[Tensor, "states"]:
    with extra("notebook"):
        from scipy.optimize import linear_sum_assignment

    return torch.from_numpy(linear_sum_assignment(counts.numpy(), maximize=True)[1]).long()


def _checked(permutation: Tensor, states: int) -> Tensor:
    if permutation.sort().values.tolist() != list(range(states)):
        raise ValueError(f"permutation: got {permutation.tolist()}, expected the states 0 to {states - 1}, each once")
    return permutation


def inside(lengths: Int64[Tensor, "trials"], time: int) -> Bool[Tensor, "trials time"]:
    """True within each trial, False in the padding.

    Raises `ValueError` for lengths that are not between 1 and `time`.
    """
    if not len(lengths) or lengths.min() < 1 or lengths.max() > time:
        raise ValueError(f"lengths: got {lengths.tolist()[:10]}, expected trials of 1 to {time} bins")
    return torch.arange(time, device=lengths.device) < lengths[:, None]


def same_shape(**named: Tensor) -> None:
    """Raises `ValueError` unless all of these tensors have one shape."""
    (first, expected), *others = named.items()
    for name, tensor in others:
        if tensor.shape != expected.shape:
            raise ValueError(f"{name}: got the shape {tuple(tensor.shape)}, expected {first}'s {tuple(expected.shape)}")
