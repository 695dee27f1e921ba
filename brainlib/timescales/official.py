"""Weights of the official code (LevinaLab/rnn_timescale_public) in our names, and back.

| official | here |
|---|---|
| `parameterlist.0` (units), or (1) if it is fixed | `raw_tau` |
| `modulelist.0.weight` (units, 1), `.bias` (units) | `input_weight`, `input_bias` |
| `modulelist.1.weight` (units, units), its diagonal without effect, `.bias` (units) | `weight`, `recurrent_bias` |
| `modulelist.2.weight` (2, units), `.bias` (2), and so on | `readout_weight[0]`, `readout_bias[0]`, and so on |
"""

from collections.abc import Mapping

import torch
from torch import Tensor

TAU, INPUT, RECURRENT, FIRST_HEAD = "parameterlist.0", "modulelist.0", "modulelist.1", 2


def from_official(weights: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], bool]:
    """Our state dict, and whether there is one fixed time constant.

    Raises `ValueError` for missing, unknown or misshapen weights, and for several dtypes.
    """
    heads = max(1, sum(name.startswith("modulelist.") and name.endswith(".weight") for name in weights) - FIRST_HEAD)
    readouts = [f"modulelist.{FIRST_HEAD + head}" for head in range(heads)]
    expected = {TAU, *(f"{layer}.{part}" for layer in (INPUT, RECURRENT, *readouts) for part in ("weight", "bias"))}
    if set(weights) != expected:
        missing, unknown = sorted(expected - set(weights)), sorted(set(weights) - expected)
        raise ValueError(f"weights: missing {missing}, unknown {unknown}; expected a network with {heads} heads")
    units = weights[f"{RECURRENT}.bias"].numel()
    fixed = weights[TAU].shape == (1,) != (units,)
    shapes = {
        TAU: (1,) if fixed else (units,),
        f"{INPUT}.weight": (units, 1),
        f"{INPUT}.bias": (units,),
        f"{RECURRENT}.weight": (units, units),
        f"{RECURRENT}.bias": (units,),
    }
    for name, tensor in weights.items():
        shape = shapes.get(name, (2, units) if name.endswith("weight") else (2,))
        if tuple(tensor.shape) != shape:
            raise ValueError(f"weights[{name!r}]: got shape {tuple(tensor.shape)}, expected {shape}")
        if tensor.dtype != weights[TAU].dtype:
            raise ValueError(f"weights[{name!r}]: got {tensor.dtype}, expected {weights[TAU].dtype} as {TAU} has it")
    ours = {
        "raw_tau": weights[TAU].expand(units).clone(),
        "input_weight": weights[f"{INPUT}.weight"].flatten(),
        "input_bias": weights[f"{INPUT}.bias"],
        "weight": weights[f"{RECURRENT}.weight"].clone().fill_diagonal_(0),
        "recurrent_bias": weights[f"{RECURRENT}.bias"],
        "readout_weight": torch.stack([weights[f"{readout}.weight"] for readout in readouts]),
        "readout_bias": torch.stack([weights[f"{readout}.bias"] for readout in readouts]),
    }
    return {name: tensor.detach() for name, tensor in ours.items()}, fixed


def to_official(ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our state dict under the official names and shapes."""
    weights = {
        TAU: ours["raw_tau"],
        f"{INPUT}.weight": ours["input_weight"][:, None],
        f"{INPUT}.bias": ours["input_bias"],
        f"{RECURRENT}.weight": ours["weight"],
        f"{RECURRENT}.bias": ours["recurrent_bias"],
    }
    for head, (weight, bias) in enumerate(zip(ours["readout_weight"], ours["readout_bias"], strict=True)):
        weights |= {f"modulelist.{FIRST_HEAD + head}.weight": weight, f"modulelist.{FIRST_HEAD + head}.bias": bias}
    return {name: tensor.detach().clone() for name, tensor in weights.items()}
