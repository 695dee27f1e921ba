"""A model taken apart into tensors in which each neuron has a place of its own, and put together again."""

import torch
from torch import Tensor

from brainlib.bdh.model import BDH, BDHConfig

NEURONS = {"decoder_x": 2, "decoder_y": 2, "encoder": 1, "frequencies": 0}
"""Along which dimension a tensor's neurons of one head (for the frequencies: pairs of neurons) follow each other."""


def take_apart(model: BDH) -> dict[str, Tensor]:
    """The model's tensors by name, the encoder as (heads, head_neurons, dim)."""
    config = model.config
    parts = dict(model.state_dict())
    parts["encoder"] = parts["encoder"].view(config.heads, config.head_neurons, config.dim)
    return parts


def put_together(config: BDHConfig, parts: dict[str, Tensor]) -> BDH:
    """The model of these tensors; no random numbers are drawn, and no frequencies computed."""
    with torch.device("meta"):
        model = BDH(config)
    model.load_state_dict(parts | {"encoder": parts["encoder"].flatten(0, 1)}, assign=True)
    return model
