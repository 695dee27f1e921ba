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


def from_official(weights: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Tensor | None]:
    """Our state dict, and the time constants if there is a single fixed one.

    Raises `ValueError` for missing and unknown weights, and for several dtypes; torch tells of misshapen ones.
    """
    heads = max(1, (len(weights) - 5) // 2)
    readouts = [f"modulelist.{2 + head}" for head in range(heads)]
    parts = [f"{layer}.{part}" for layer in ("modulelist.0", "modulelist.1", *readouts) for part in ("weight", "bias")]
    if missing := {"parameterlist.0", *parts} ^ weights.keys():
        raise ValueError(f"weights: missing or unknown {sorted(missing)}; expected a network with {heads} heads")
    if len(dtypes := {tensor.dtype for tensor in weights.values()}) > 1:
        raise ValueError(f"weights: got {sorted(map(str, dtypes))}, expected one dtype")
    input_weight, input_bias, weight, recurrent_bias = (weights[part] for part in parts[:4])
    raw = weights["parameterlist.0"].detach()
    fixed = raw.shape == (1,) != input_bias.shape
    tau = raw.expand(len(input_bias)).clone() if fixed else raw.clone()
    ours = {
        "raw_tau": tau,
        "input_weight": input_weight.flatten(),
        "input_bias": input_bias,
        "weight": weight.clone().fill_diagonal_(0),
        "recurrent_bias": recurrent_bias,
        "readout_weight": torch.stack([weights[f"{readout}.weight"] for readout in readouts]),
        "readout_bias": torch.stack([weights[f"{readout}.bias"] for readout in readouts]),
    }
    return {name: tensor.detach() for name, tensor in ours.items()}, tau if fixed else None
