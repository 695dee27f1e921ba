"""Weights of Pathway's `bdh.py` in our names, and back.

| official | here | paper |
|---|---|---|
| `embed.weight` (vocab, dim) | `embedding` | |
| `encoder` (heads, dim, neurons / heads) | `decoder_x` | Dx |
| `encoder_v` (heads, dim, neurons / heads) | `decoder_y` | Dy |
| `decoder` (neurons, dim) | `encoder` (heads, neurons / heads, dim) | E |
| `lm_head` (dim, vocab) | `readout` | |
| `attn.freqs` (1, 1, 1, neurons / heads), float32 turns a token, every pair twice | `frequencies` | |
"""

from typing import Any

from torch import Tensor

from brainlib.bdh.rotation import from_turns, to_turns

NAMES = {
    "embed.weight": "embedding",
    "encoder": "decoder_x",
    "encoder_v": "decoder_y",
    "decoder": "encoder",
    "lm_head": "readout",
}
FREQUENCIES = "attn.freqs"
COMPILED = "_orig_mod."  # before every name if the model was compiled, as the official train.py does
UNUSED = {"lm_gate"}  # in the first release only; never used


def from_official(weights: dict[str, Tensor]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The sizes (dim, heads, neurons, vocab) and our state dict.

    Raises `ValueError` for missing and unknown weights, and frequencies that are none of pairs.
    """
    weights = {name.removeprefix(COMPILED): weight for name, weight in weights.items()}
    names, expected = set(weights) - UNUSED, {*NAMES, FREQUENCIES}
    if names != expected:
        missing, unknown = sorted(expected - names), sorted(names - expected)
        raise ValueError(f"weights: missing {missing}, unknown {unknown}; expected {sorted(expected)}")
    heads, dim, head_neurons = weights["encoder"].shape
    turns = weights[FREQUENCIES].flatten()
    if not turns[::2].equal(turns[1::2]):
        raise ValueError(f"weights[{FREQUENCIES!r}]: expected the same frequency for neurons 2i and 2i+1")
    ours = {NAMES[name]: weights[name] for name in NAMES}
    ours |= {"encoder": weights["decoder"].unflatten(0, (heads, -1)), "frequencies": from_turns(turns[::2])}
    sizes = {"dim": dim, "heads": heads, "neurons": heads * head_neurons, "vocab": weights["lm_head"].shape[-1]}
    return sizes, ours


def to_official(ours: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our state dict under the official names and shapes."""
    weights = {official: ours[name] for official, name in NAMES.items()}
    weights["decoder"] = ours["encoder"].flatten(0, 1)
    weights[FREQUENCIES] = to_turns(ours["frequencies"]).float().repeat_interleave(2).view(1, 1, 1, -1)
    return weights
