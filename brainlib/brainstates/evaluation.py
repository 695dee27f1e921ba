"""How good a fit is: the likelihood of unseen spikes, states and wiring against the truth.

The marginal log-likelihood, log p(x_1 .. x_T), sums over all paths of states; it is also the sum of one-step
predictions, log p(x_t | x_1 .. x_{t-1}).

The states of a fit have no names. A permutation p of them reads: the fit's state p[s] plays the part of the true s.

W[s, n, n'] leads from neuron n' to neuron n in state s.
"""

import math
from dataclasses import replace
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from brainlib.brainstates.design import Design
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.inference import hidden_chain
from brainlib.brainstates.kernels import log_likelihood
from brainlib.brainstates.parameters import Parameters
from brainlib.extras import extra

# ---- Likelihood ----


@torch.no_grad()
def marginal_log_likelihood(parameters: Parameters, design: Design, emission: Emission) -> Float64[Tensor, "trials"]:
    """log p(x) of each trial, in nats.

    Raises `ValueError` as `log_emission` does, for weights that do not fit the design.
    """
    return log_likelihood(*hidden_chain(parameters, design, emission))


def homogeneous_log_likelihood(train: Design, test: Design, emission: Emission) -> Float64[Tensor, "trials"]:
    """log p(x) of each test trial if every neuron kept the mean rate it had in training, in nats.

    Half a spike is added to each neuron's training counts, and one bin, so that a neuron silent there is not impossible
    later. Raises `ValueError` for other neurons in training.
    """
    if train.counts.shape[-1] != test.counts.shape[-1]:
        raise ValueError(f"test: got {test.counts.shape[-1]} neurons, expected {train.counts.shape[-1]} as in training")
    mean = (train.counts[train.mask].double().sum(0) + 0.5) / (train.lengths.sum() + 1)
    emission = replace(emission, link="softplus")  # any mean can be had
    steady = Parameters(emission.inverse_link(mean)[None, :, None], mean.new_zeros(1, 1), mean.new_zeros(1))
    constant = mean.new_ones(*test.counts.shape[:2], 1)
    return marginal_log_likelihood(steady, test._replace(features=constant), emission)


def bits_per_spike(log_likelihood: Float[Tensor, "trials"], baseline: Float[Tensor, "trials"], spikes: int) -> float:
    """What a model knows beyond another: (log p - log p_baseline) / (spikes log 2), over all trials.

    The baseline is `homogeneous_log_likelihood` or the `marginal_log_likelihood` of a one-state model, of the same
    trials. Raises `ValueError` for other trials and without spikes.
    """
    same_shape(log_likelihood=log_likelihood, baseline=baseline)
    if spikes < 1:
        raise ValueError(f"spikes: got {spikes}, expected at least 1")
    return (log_likelihood.double() - baseline.double()).sum().item() / (spikes * math.log(2))


# ---- States ----

Path = Int64[Tensor, "trials time"]


def match_states(true: Path, estimated: Path, lengths: Int64[Tensor, "trials"], states: int) -> Int64[Tensor, "states"]:
    """The permutation under which most bins of all trials agree, by the Hungarian method.

    `true` and `estimated` hold a state in 0 .. states - 1 for each bin; what lies beyond the lengths is ignored. The
    states of the fit may be more or fewer than the true ones: `states` is the larger number of the two.
    Raises `ValueError` for shapes that differ, lengths beyond the bins or states that are not there.
    """
    with extra("notebook"):
        from scipy.optimize import linear_sum_assignment

    counts = _confusion(true, estimated, lengths, states)
    return torch.from_numpy(linear_sum_assignment(counts.numpy(), maximize=True)[1]).long()


def state_accuracy(true: Path, estimated: Path, lengths: Int64[Tensor, "trials"], states: int) -> float:
    """The share of bins whose state is right once the states are matched: one permutation for all trials.

    Raises as `match_states`.
    """
    order = match_states(true, estimated, lengths, states)
    counts = _confusion(true, estimated, lengths, states).double()
    return (counts[torch.arange(states), order].sum() / counts.sum()).item()


def reorder(parameters: Parameters, permutation: Int64[Tensor, "states"]) -> Parameters:
    """The same model with its states in another order: state s of the result was state p[s].

    Raises `ValueError` for what is no permutation of the states.
    """
    states = parameters.log_initial.shape[-1]
    if permutation.sort().values.tolist() != list(range(states)):
        raise ValueError(f"permutation: got {permutation.tolist()}, expected the states 0 to {states - 1}, each once")
    (weights, transition, initial), order = parameters, permutation.to(parameters.weights.device)
    return Parameters(weights[..., order, :, :], transition[..., order, :][..., order], initial[..., order])


def same_shape(**named: Tensor) -> None:
    """Raises `ValueError` unless all of these tensors have one shape."""
    (first, expected), *others = named.items()
    for name, tensor in others:
        if tensor.shape != expected.shape:
            raise ValueError(f"{name}: got the shape {tuple(tensor.shape)}, expected {first}'s {tuple(expected.shape)}")


def _confusion(true: Tensor, estimated: Tensor, lengths: Tensor, states: int) -> Int64[Tensor, "states states"]:
    """How many bins of all trials are truly in state s (rows) and estimated in state s' (columns). On the CPU."""
    if len(lengths) != len(true) or not (lengths >= 1).all() or lengths.max() > true.shape[1]:
        expected = f"one of 1 to {true.shape[1]} bins for each of the {len(true)} trials"
        raise ValueError(f"lengths: got {lengths.tolist()[:10]}, expected {expected}")
    mask = (torch.arange(true.shape[1], device=lengths.device) < lengths[:, None]).cpu()
    rows, columns = _labels("true", true, mask, states), _labels("estimated", estimated, mask, states)
    return torch.bincount(rows * states + columns, minlength=states**2).view(states, states)


def _labels(name: str, path: Tensor, mask: Bool[Tensor, "trials time"], states: int) -> Int64[Tensor, "bins"]:
    """The states of a path, on the CPU, in the bins of the mask."""
    same_shape(**{"the trials": mask, name: path})
    labels = path.cpu()[mask]
    low, high = labels.aminmax()
    if low < 0 or high >= states:
        raise ValueError(f"{name}: got states {low} to {high}, expected 0 to {states - 1}")
    return labels


# ---- Wiring ----


class WeightError(NamedTuple):
    """How far found weights lie from the true ones, over all states and pairs.

    The paper prints a "weight error" and does not define it, so that its scale cannot be compared; `absolute` is ours.
    """

    absolute: float  # mean of |found - true|
    correlation: float  # Pearson's; NaN if either is constant


def weight_error(true: Float[Tensor, "*rest"], estimated: Float[Tensor, "*rest"]) -> WeightError:
    """The error of found weights, entry by entry: match and reorder the states first.

    Raises `ValueError` for shapes that differ.
    """
    same_shape(true=true, estimated=estimated)
    both = torch.stack((true, estimated)).detach().double().flatten(1)
    difference = both[1] - both[0]
    correlation = torch.corrcoef(both)[0, 1].item()
    return WeightError(difference.abs().mean().item(), correlation)


def edge_auc(true: Bool[Tensor, "*rest"], scores: Float[Tensor, "*rest"]) -> float:
    """The area under the ROC of edges whatever their sign: the probability that an edge's score is above another
    pair's, ties counting half; NaN if all or none are edges. `scores` such as |w|, or 1 less the probability of none.

    Raises `ValueError` for shapes that differ and scores that are not finite.
    """
    same_shape(true=true, scores=scores)
    if not scores.isfinite().all():
        raise ValueError("scores: got values that are not finite")
    values, place = scores.detach().flatten().unique(return_inverse=True)
    edges, others = (torch.bincount(place[kind.flatten()], minlength=len(values)).double() for kind in (true, ~true))
    above = (edges * (others.cumsum(0) - others / 2)).sum()
    return (above / (edges.sum() * others.sum())).item()
