"""The networks that the chapters on memory and on language compare, by name: each a change to one common frame.

`MIXERS` are other memories of equal numbers of parameters; `UNITS` the unit with one switch turned and all else as it
was.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from brainlib.arguments import whole_number
from brainlib.astrosnn import AMSUConfig, AstroSNN, AstroSNNConfig, matched
from brainlib.backend import resolve_device
from brainlib.training import Batches, History, TrainingConfig, train

MIXERS = {
    "LIF": "lif",
    "PLIF": "plif",
    "ALIF": "alif",
    "calcium": "calcium",
    "SpikeGPT": "spikegpt",
    "RWKV": "rwkv",
    "GRU": "gru",
    "transformer": "attention",
}
SHORT = 5.0  # n of the slowest decay 1 - 2^-n of "fast" units: 32 tokens
CAUSES = {
    "normalised, slow": {},
    "normalised, fast": {"slowest": SHORT},
    "raw, slow": {"normalised": False},
    "raw, fast": {"normalised": False, "slowest": SHORT},
}
ABLATIONS = {
    "AM-SU": {},
    "no astrocyte": {"astrocyte": "none"},
    "calcium astrocyte": {"astrocyte": "calcium"},
    "gated decay": {"astrocyte": "gated"},
    "delta rule": {"astrocyte": "delta"},
    "o into the membrane": {"injection": "membrane"},
    "soft reset": {"reset": "soft"},
    "no reset": {"reset": "none"},
    "sigmoid input": {"input": "sigmoid"},
    "raw o": {"normalised": False},
    "fast decays": {"slowest": SHORT},
    "elu features": {"features": "elu"},
    "no token shift": {},
}
UNITS = CAUSES | ABLATIONS
ALIASES = {"AM-SU, gated": "gated decay", "AM-SU, delta": "delta rule", "AM-SU, sigmoid": "sigmoid input"}


def model_config(frame: AstroSNNConfig, name: str) -> AstroSNNConfig:
    """The network `name` in `frame`, a frame with the unit.

    - One of `MIXERS` has the parameters of the frame, within 2 %; "PLIF, as much state" (or another mixer) is widened
      instead until it keeps as many numbers of its past.
    - One of `UNITS` or `ALIASES` keeps all sizes of the frame, also where it has fewer parameters then.
    - "heads of 8" cuts the channels into heads of that size; "AM-SU, small heads" into heads of 2, so that it keeps as
      much as RWKV, with the parameters of the frame.
    - "PLIF, wide" has more membranes and fewer hidden neurons, and so about the state of "AM-SU, small heads";
      "transformer, GELU" the usual feed-forward instead of a spiking one.

    Raises `ValueError` for another name.
    """
    base, _, change = name.partition(", ")
    if name in MIXERS:
        return matched(frame, MIXERS[name])
    if base in MIXERS and change == "as much state":
        return as_much_state(frame, MIXERS[base])
    if name.startswith("heads of "):
        return replace(frame, heads=frame.dim // int(name.removeprefix("heads of ")))
    if name == "AM-SU, small heads":
        return matched(replace(frame, heads=frame.dim // 2), "amsu")
    if name == "PLIF, wide":
        return wide_plif(frame)
    if name == "transformer, GELU":
        return replace(matched(frame, "attention"), feedforward="gelu")
    name = ALIASES.get(name, name)
    if name not in UNITS:
        known = ", ".join((*MIXERS, *ALIASES, *UNITS))
        raise ValueError(f"name: got {name!r}, expected 'heads of ...' or one of {known}")
    switched = replace(frame, unit=replace(frame.unit or AMSUConfig(frame.dim), **UNITS[name]))
    return replace(switched, token_shift=False) if name == "no token shift" else switched


def as_much_state(frame: AstroSNNConfig, mixer: str) -> AstroSNNConfig:
    """The frame around another mixer, whose state is so many numbers a channel, as narrow as it can be with at least as
    much state; its feed-forward keeps its hidden neurons."""
    wide = replace(frame, mixer=mixer, hidden=frame.hidden_size)
    a_head = AstroSNN(replace(wide, dim=wide.heads)).state_size(1)  # with one channel each
    return replace(wide, dim=wide.heads * -(-AstroSNN(frame).state_size(1) // a_head))


def wide_plif(frame: AstroSNNConfig) -> AstroSNNConfig:
    """The widest, up to twice the frame, that its parameters allow with half a hidden neuron for a channel."""
    plif = replace(frame, mixer="plif", unit=None)
    for dim in range(2 * frame.dim, 0, -frame.heads):
        bare = replace(plif, dim=dim, hidden=1)
        hidden = 1 + (frame.parameters - bare.parameters) // (2 * dim * frame.layers)
        if hidden >= dim // 2:
            return replace(plif, dim=dim, hidden=hidden)
    raise ValueError(f"frame: has {frame.parameters} parameters, too few for a PLIF")


def untrained(config: AstroSNNConfig, seed: int = 0, device: str = "auto") -> AstroSNN:
    """The random weights that a network begins with; the caller's random numbers are left as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(whole_number("seed", seed))
        return AstroSNN(config).to(resolve_device(device))


def trained(model: AstroSNN, batches: Batches, steps: int, seed: int, folder: Path | None, **options: Any) -> History:
    """Trains the network on what its batches ask: AdamW, a tenth of the steps to warm up, then a cosine."""
    config = TrainingConfig(steps=steps, warmup_steps=steps // 10, decay="cosine", seed=seed, **options)
    history = train(model, _loss, batches, config, folder=folder, progress=False)
    model.eval()
    return history


def restored(config: AstroSNNConfig, weights: dict, device: str = "auto") -> AstroSNN:
    """A trained network from the weights that a study kept."""
    network = untrained(config, device=device).eval()
    network.load_state_dict({name: torch.as_tensor(weight) for name, weight in weights.items()})
    return network


def _loss(model: AstroSNN, batch: tuple[Tensor, Tensor], state: None) -> tuple[Tensor, None]:
    return model(*batch, return_state=False)[1], None
