"""Surgery on trained Dragon Hatchlings: neurons are the unit in which they can be put together and enlarged."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import torch
from torch import Tensor

from brainlib.arguments import seeded
from brainlib.bdh.model import BDH, BDHConfig

NEURONS = {"decoder_x": 2, "decoder_y": 2, "encoder": 1, "frequencies": 0}
"""Along which dimension a tensor's neurons of one head (for the frequencies: pairs of neurons) follow each other."""


def merge(models: Sequence[BDH], weights: Sequence[float] | None = None) -> BDH:
    """One model with the neurons of all, in the mode (train or eval) of the first (section 7.1 and appendix B.4).

    In every head the neurons of one model follow those of another: Dx, Dy, E and the RoPE frequencies are
    concatenated. What has no neurons, the embedding and the readout, is averaged. Nothing is trained.

    `weights`, relative to their mean, tell how many times a model's neurons count, both in the scores of attention
    and in what is said to the channel (its Dx and its E are scaled by the root), and its share of the averages.
    Equal weights, the default, are the merge of the paper; where only one model has weight, the merged model computes
    what that one does, up to the eps of LayerNorm.

    Raises `ValueError` for fewer than two models, for models that differ in more than their number of neurons, and
    for weights that are not one finite number of at least 0 for each model, or all 0.

    >>> models = [BDH(BDHConfig(layers=2, dim=8, heads=2, neurons=16)) for _ in range(2)]
    >>> merge(models).config.neurons
    32
    """
    _check_models(models)
    shares = _shares(weights, len(models))
    all_parts = [dict(model.state_dict()) for model in models]
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
            merged[name] = reduce(torch.add, (share * part for share, part in zip(shares, tensors, strict=True)))
    config = replace(models[0].config, neurons=sum(model.config.neurons for model in models))
    return put_together(config, merged).train(models[0].training)


def grow(model: BDH, neurons: int, seed: int = 0) -> BDH:
    """The same function (exactly, but for rounding) with `neurons` more neurons.

    Silencing new neurons (E = 0) is not enough: their x is positive and adds to every score of attention. So a new
    pair of neurons splits off from an old one, drawn by `seed`, and takes over half of its part in the scores: the
    same RoPE frequency and the same Dx, for both divided by sqrt(2). The old pair's E is multiplied by sqrt(2), so that
    it says what it did; the new pair has E = 0 and a random Dy, spread as the model's own. It says nothing until
    training moves its E, and from then on its Dx goes another way than that of the pair it came from.

    The new neurons are the last of each head. Raises `ValueError` unless `neurons` is a positive multiple of
    2 * heads and at most as many as there are.

    >>> grow(BDH(BDHConfig(layers=2, dim=8, heads=2, neurons=16)), 4).config.neurons
    20
    """
    config, least = model.config, 2 * model.config.heads
    if not 0 < neurons <= config.neurons or neurons % least:
        raise ValueError(f"neurons: got {neurons}, expected a multiple of 2 * heads = {least}, up to {config.neurons}")
    generator = seeded(seed)
    pairs = torch.randperm(config.head_neurons // 2, generator=generator)[: neurons // config.heads // 2]
    split = (2 * pairs[:, None] + torch.arange(2)).flatten()  # the same places in every head: heads share frequencies

    parts = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    device = parts["encoder"].device
    pairs, split = pairs.to(device), split.to(device)
    parts["decoder_x"][..., split] /= math.sqrt(2)
    parts["encoder"][:, split] *= math.sqrt(2)
    old = parts["decoder_y"]
    fresh = torch.randn(*old.shape[:2], len(split), generator=generator).to(old) * old.std()
    new = {
        "decoder_x": parts["decoder_x"][..., split],
        "decoder_y": fresh,
        "encoder": torch.zeros_like(parts["encoder"][:, split]),
        "frequencies": parts["frequencies"][pairs],
    }
    grown = parts | {name: torch.cat((parts[name], new[name]), dim=NEURONS[name]) for name in NEURONS}
    return put_together(replace(config, neurons=config.neurons + neurons), grown).train(model.training)


def put_together(config: BDHConfig, parts: dict[str, Tensor]) -> BDH:
    """The model of these tensors; no random numbers are drawn, and no frequencies computed."""
    with torch.device("meta"):
        model = BDH(config)
    model.load_state_dict(parts, assign=True)
    return model


def _check_models(models: Sequence[BDH]) -> None:
    if len(models) < 2:
        raise ValueError(f"models: got {len(models)}, expected at least 2")
    first = models[0]
    for index, model in enumerate(models):
        if replace(model.config, neurons=first.config.neurons) != first.config:
            raise ValueError(f"models: got {model.config} at {index}, expected {first.config} but for its neurons")
        found, expected = (f"{m.embedding.dtype} on {m.embedding.device}" for m in (model, first))
        if found != expected:
            raise ValueError(f"models: got {found} at {index}, expected {expected}")


def _shares(weights: Sequence[float] | None, count: int) -> list[float]:
    weights = [1.0] * count if weights is None else weights
    if len(weights) != count or not all(0 <= weight < math.inf for weight in weights) or sum(weights) == 0:
        raise ValueError(f"weights: got {list(weights)}, expected {count} finite numbers of at least 0, not all 0")
    return [weight / sum(weights) for weight in weights]
