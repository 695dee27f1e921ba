"""Single synapses for single concepts: searched among all n x n of a layer, tested on other texts (Section 6.3).

The synapses sigma of layer l lead from the neurons that are excited in it (x of layer l, columns) to those that spoke
in the layer below (y of layer l - 1, rows), eq. (16); sigma x is what is recalled. Written out they are n^2 numbers for
every text, so the search streams over texts and keeps sums only; to follow one takes no more than its two neurons.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Integer
from numpy import ndarray
from torch import Tensor

from brainlib.bdh.anatomy.activity import record_activity
from brainlib.bdh.kernels.reference import left
from brainlib.bdh.model import BDH
from brainlib.bdh.rotation import rotate, rotation
from brainlib.extras import extra

TEXTS_AT_ONCE = 16
CANDIDATES = 1000  # of a layer's synapses, whose values are written out for the ranks


class Synapse(NamedTuple):
    """A place in sigma of layer `layer` (counted from 1): from neuron `source` of that layer (x, the columns) to neuron
    `target` of the layer below (y, the rows); or as many places as these are tensors of numbers.

    Neurons are numbered through all heads.
    """

    layer: int
    source: Any
    target: Any


class Separation(NamedTuple):
    """How well values tell texts with a concept from texts without: the share of pairs (one of either) in which the
    first is larger, and the one-sided p of Mann and Whitney."""

    share: float
    p: float


@torch.no_grad()
def find_synapses(
    model: BDH, tokens: Integer[Tensor, "batch time"], labellings: Bool[Tensor, "labellings batch"]
) -> list[Synapse]:
    """For each labelling of the texts, the synapse whose value after a text tells best how it is labelled.

    All n^2 synapses of all layers are compared by correlation with the label, and the best of a layer by the share of
    pairs of texts that they order as labelled (as `separation` does). Several labellings share the work.
    Raises `ValueError` if the model has one layer only, or a labelling has one kind of label only.
    """
    if model.config.layers < 2:
        raise ValueError("model: got 1 layer, expected at least 2: synapses lead from a layer to the one below")
    kinds = labellings.any(1) & ~labellings.all(1)
    if not kinds.all():
        raise ValueError(f"labellings: row {int((~kinds).nonzero()[0])} has one kind of label, expected two")
    best: list[tuple[float, Synapse]] = [(-math.inf, Synapse(0, 0, 0))] * len(labellings)
    for layer in range(1, model.config.layers):
        found = correlations(model, tokens, labellings, layer).flatten(1)
        places = found.topk(min(CANDIDATES, found.shape[1])).indices  # [labellings, k]
        targets, sources = places // model.config.neurons, places % model.config.neurons
        values = synapse_values(model, tokens, Synapse(layer, sources, targets))
        for number, labels in enumerate(labellings):
            shares, _ = mann_whitney(values[:, number], labels)
            first = int(shares.argmax())
            synapse = Synapse(layer, int(sources[number, first]), int(targets[number, first]))
            best[number] = max(best[number], (float(shares[first]), synapse))
    return [synapse for _, synapse in best]


@torch.no_grad()
def correlations(
    model: BDH, tokens: Integer[Tensor, "batch time"], labellings: Bool[Tensor, "labellings batch"], layer: int
) -> Float[Tensor, "labellings neurons neurons"]:
    """Of every synapse [target, source] of a layer after each text with each labelling, over the texts."""
    neurons = model.config.neurons
    labellings = labellings.to(model.embedding.device)
    total, squares = model.embedding.new_zeros(2, neurons, neurons)
    labelled = model.embedding.new_zeros(len(labellings), neurons, neurons)
    done = 0
    for y, x in factors(model, tokens, layer):
        for sums, labels in zip(labelled, labellings[:, done : done + len(y)], strict=True):
            sums += y[labels].flatten(0, 1).mT @ x[labels].flatten(0, 1)
        for one_y, one_x in zip(y, x, strict=True):
            sigma = one_y.mT @ one_x
            total += sigma
            squares.addcmul_(sigma, sigma)
        done += len(y)
    mean = total.div_(done)
    spread = squares.div_(done).addcmul_(mean, mean, value=-1).clamp_min_(0).sqrt_()
    silent = spread <= 1e-6 * spread.max()  # rounding leaves no true correlation there
    for sums, count in zip(labelled, labellings.sum(1).tolist(), strict=True):
        # of a value with a label of two kinds: (mean where true - mean) / spread * sqrt(share / (1 - share))
        sums.div_(count).sub_(mean).div_(spread).mul_(math.sqrt(count / (done - count))).masked_fill_(silent, 0)
    return labelled


@torch.no_grad()
def synapse_values(model: BDH, tokens: Integer[Tensor, "batch time"], synapse: Synapse) -> Float[Tensor, "batch *rest"]:
    """The value of a synapse, or of several, after each text, as the next token would find it."""
    layer, sources, targets = synapse
    return torch.cat([(y[..., targets] * x[..., sources]).sum(1) for y, x in factors(model, tokens, layer)])


def mann_whitney(values: Tensor, labels: Tensor) -> tuple[ndarray, ndarray]:
    """Of each column of values [texts, k] the share of pairs (one text with the label, one without) in which the
    first has the larger value, where equal ones count half, and the one-sided p."""
    with extra("notebook"):
        from scipy.stats import mannwhitneyu

    inside, outside = (values[kind.to(values.device)].double().numpy(force=True) for kind in (labels, ~labels))
    u, p = mannwhitneyu(inside, outside, alternative="greater", method="asymptotic")
    return u / (len(inside) * len(outside)), p


def factors(model: BDH, tokens: Tensor, layer: int) -> Iterator[tuple[Tensor, Tensor]]:
    """y of the layer below and x of the layer in the frame of the token after the text, less what has faded: sigma of
    a text is their product over time. A few texts at once, each [texts, T, neurons]."""
    time = tokens.shape[1]
    back = rotation(model.frequencies, -time, time, model.embedding.dtype)  # of the tokens, seen from after the last
    ages = torch.arange(time, 0, -1).to(back.real)
    for part in tokens.split(TEXTS_AT_ONCE):
        activity = record_activity(model, part)
        x = rotate(activity.x[layer], back) * left(model.decay, ages)[..., None]
        yield activity.y[layer - 1].movedim(1, 2).flatten(2), x.movedim(1, 2).flatten(2)


def separation(values: Float[Tensor, "batch"], concept: Bool[Tensor, "batch"]) -> Separation:
    """The one-sided Mann-Whitney test that values are larger where `concept` is true.

    Raises `ValueError` if one of the two kinds is missing.
    """
    if not concept.any() or concept.all():
        counts = int(concept.sum()), int((~concept).sum())
        raise ValueError(f"concept: got {counts[0]} texts with and {counts[1]} without, expected some of both")
    (share,), (p,) = mann_whitney(values[:, None], concept)
    return Separation(float(share), float(p))
