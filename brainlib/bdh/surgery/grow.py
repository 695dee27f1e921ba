"""Growth: a trained model gets more neurons and goes on computing what it did, until it is trained on."""

import math
from dataclasses import replace

import torch

from brainlib.arguments import seeded
from brainlib.bdh.model import BDH
from brainlib.bdh.surgery.parts import NEURONS, put_together, take_apart


def grow(model: BDH, neurons: int, seed: int = 0) -> BDH:
    """The same function (exactly, but for rounding) with `neurons` more neurons. Used in chapters/bdh/05_surgery.

    Silencing new neurons (E = 0) is not enough: their x is positive and adds to every score of attention. So a new
    pair of neurons splits off from an old one, drawn by `seed`, and takes over half of its part in the scores: the
    same RoPE frequency and the same Dx, for both divided by sqrt(2). The old pair's E is multiplied by sqrt(2), so that
    it says what it did; the new pair has E = 0 and a random Dy, spread as the model's own. It says nothing until
    training moves its E, and from then on its Dx goes another way than that of the pair it came from.

    The new neurons are the last of each head. Raises `ValueError` unless `neurons` is a positive multiple of
    2 * heads and at most as many as there are.
    """
    config = model.config
    if not 0 < neurons <= config.neurons or neurons % (2 * config.heads):
        raise ValueError(
            f"neurons: got {neurons}, expected a multiple of 2 * heads = {2 * config.heads}, "
            f"from {2 * config.heads} to {config.neurons}"
        )
    generator = seeded(seed)
    pairs = torch.randperm(config.head_neurons // 2, generator=generator)[: neurons // config.heads // 2]
    split = (2 * pairs[:, None] + torch.arange(2)).flatten()  # the same places in every head: heads share frequencies

    parts = {name: tensor.clone() for name, tensor in take_apart(model).items()}
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
