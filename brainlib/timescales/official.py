"""Weights of the official code (LevinaLab/rnn_timescale_public) in our names.

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


def from_official(weights: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Tensor | None]:
    """Our state dict, and the time constants if there is a single fixed one.

    Raises `ValueError` for missing, unknown or misshapen weights, and for several dtypes.
    """
    heads = max(1, sum(name.startswith("modulelist.") and name.endswith(".weight") for name in weights) - FIRST_HEAD)
    readouts = [f"modulelist.{FIRST_HEAD + head}" for head in range(heads)]
    units = len(weights.get(f"{RECURRENT}.bias", ()))
    fixed = TAU in weights and weights[TAU].shape == (1,) != (units,)
    shapes = {TAU: (1,) if fixed else (units,), f"{INPUT}.weight": (units, 1), f"{INPUT}.bias": (units,)}
    shapes |= {f"{RECURRENT}.weight": (units, units), f"{RECURRENT}.bias": (units,)}
    for readout in readouts:
        shapes |= {f"{readout}.weight": (2, units), f"{readout}.bias": (2,)}
    if weights.keys() != shapes.keys():
        missing, unknown = sorted(shapes.keys() - weights.keys()), sorted(weights.keys() - shapes.keys())
        raise ValueError(f"weights: missing {missing}, unknown {unknown}; expected a network with {heads} heads")
    for name, tensor in weights.items():
        if (tuple(tensor.shape), tensor.dtype) != (shapes[name], weights[TAU].dtype):
            got, expected = f"{tuple(tensor.shape)} of {tensor.dtype}", f"{shapes[name]} of {weights[TAU].dtype}"
            raise ValueError(f"weights[{name!r}]: got {got}, expected {expected}")
    tau = weights[TAU].detach().expand(units).clone()
    ours = {
        "raw_tau": tau,
        "input_weight": weights[f"{INPUT}.weight"].flatten(),
        "input_bias": weights[f"{INPUT}.bias"],
        "weight": weights[f"{RECURRENT}.weight"].clone().fill_diagonal_(0),
        "recurrent_bias": weights[f"{RECURRENT}.bias"],
        "readout_weight": torch.stack([weights[f"{readout}.weight"] for readout in readouts]),
        "readout_bias": torch.stack([weights[f"{readout}.bias"] for readout in readouts]),
    }
    return {name: tensor.detach() for name, tensor in ours.items()}, tau if fixed else None
