"""Merging: the neurons of several models around one channel (Section 7.1 and Appendix B.4 of the paper)."""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch

from brainlib.bdh.model import BDH
from brainlib.bdh.surgery.parts import NEURONS, put_together, take_apart


def merge(models: Sequence[BDH], weights: Sequence[float] | None = None) -> BDH:
    """One model with the neurons of all, in the mode (train or eval) of the first. Used in chapters/bdh/05_surgery.

    In every head the neurons of one model follow those of another: Dx, Dy, E and the RoPE frequencies are
    concatenated. What has no neurons, the embedding and the readout, is averaged. Nothing is trained.

    `weights`, relative to their mean, tell how many times a model's neurons count, both in the scores of attention
    and in what is said to the channel (its Dx and its E are scaled by the root), and its share of the averages.
    Equal weights, the default, are the merge of the paper; where only one model has weight, the merged model computes
    what that one does, up to the eps of LayerNorm.

    Raises `ValueError` for fewer than two models, for models that differ in more than their number of neurons, and
    for weights that are not one finite number of at least 0 for each model, or all 0.
    """
    _check_models(models)
    shares = _shares(weights, len(models))
    all_parts = [take_apart(model) for model in models]
    for parts, share in zip(all_parts, shares, strict=True):
        root = math.sqrt(share * len(models))
        parts["decoder_x"] = parts["decoder_x"] * root
        parts["encoder"] = parts["encoder"] * root
    merged = {}
    for name in all_parts[0]:
        tensors = [parts[name] for parts in all_parts]
        if name in NEURONS:
            merged[name] = torch.cat(tensors, dim=NEURONS[name])
        else:
            merged[name] = sum(share * tensor for share, tensor in zip(shares, tensors, strict=True))
    config = replace(models[0].config, neurons=sum(model.config.neurons for model in models))
    return put_together(config, merged).train(models[0].training)


def _check_models(models: Sequence[BDH]) -> None:
    if len(models) < 2:
        raise ValueError(f"models: got {len(models)}, expected at least 2")
    first = models[0]
    for index, model in enumerate(models):
        if replace(model.config, neurons=first.config.neurons) != first.config:
            raise ValueError(f"models: got {model.config} at {index}, expected {first.config} but for its neurons")
        found, expected = (
            f"{model.embedding.dtype} on {model.embedding.device}",
            f"{first.embedding.dtype} on {first.embedding.device}",
        )
        if found != expected:
            raise ValueError(f"models: got {found} at {index}, expected {expected}")


def _shares(weights: Sequence[float] | None, count: int) -> list[float]:
    weights = [1.0] * count if weights is None else weights
    if len(weights) != count or not all(0 <= weight < math.inf for weight in weights) or sum(weights) == 0:
        raise ValueError(f"weights: got {list(weights)}, expected {count} finite numbers of at least 0, not all 0")
    return [weight / sum(weights) for weight in weights]
