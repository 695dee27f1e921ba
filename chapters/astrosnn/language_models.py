"""The models that the chapter on language compares: the unit, its variations, and other memories.

Every model lives in the same frame (`brainlib.astrosnn.model`); `matched` widens or narrows it until it has as many
parameters as the frame with the unit.
"""

from dataclasses import replace

from brainlib.astrosnn import AMSUConfig, AstroSNNConfig, matched

SMALL_HEAD = 2  # channels: such an astrocyte keeps two numbers a channel, and the unit as much as RWKV

MIXERS = {
    "LIF": "lif",
    "PLIF": "plif",
    "calcium": "calcium",
    "GRU": "gru",
    "RWKV": "rwkv",
    "SpikeGPT": "spikegpt",
    "transformer": "attention",
}
MODELS = ("AM-SU", "AM-SU, sigmoid", "AM-SU, gated", "AM-SU, small heads", "PLIF, wide", "transformer, GELU", *MIXERS)


def model_config(frame: AstroSNNConfig, name: str) -> AstroSNNConfig:
    """The model `name` with the parameters of `frame`, within 2 %.

    - "AM-SU" is the frame itself; "sigmoid" squashes its input as the figure prints it, "gated" lets each token set the
      decay, "small heads" has matrices of 2 x 2.
    - "LIF" and "PLIF" are neurons without an astrocyte; "PLIF, wide" trades hidden neurons of the feed-forward for
      more membranes, so that it has about the state of "AM-SU, small heads".
    - "calcium" is a scalar astrocyte; "SpikeGPT", "RWKV", "GRU" and "transformer" are the field's memories, and
      "transformer, GELU" has the usual feed-forward instead of a spiking one.

    Raises `ValueError` for a name that is not one of `MODELS`.
    """
    if name not in MODELS:
        raise ValueError(f"name: got {name!r}, expected one of {', '.join(MODELS)}")
    if name in MIXERS:
        return matched(frame, MIXERS[name])
    if name == "transformer, GELU":
        return replace(matched(frame, "attention"), feedforward="gelu")
    if name == "PLIF, wide":
        return wide_plif(frame)
    if name == "AM-SU, small heads":
        return matched(replace(frame, heads=frame.dim // SMALL_HEAD), "amsu")
    switches = {"AM-SU": {}, "AM-SU, sigmoid": {"input": "sigmoid"}, "AM-SU, gated": {"astrocyte": "gated"}}[name]
    return replace(frame, unit=AMSUConfig(dim=frame.dim, heads=frame.heads, **switches))


def wide_plif(frame: AstroSNNConfig) -> AstroSNNConfig:
    """The widest, up to twice the frame, that its parameters allow with half a hidden neuron for a channel."""
    plif = replace(frame, mixer="plif", unit=None)
    for dim in range(2 * frame.dim, 0, -frame.heads):
        bare = replace(plif, dim=dim, hidden=1)
        hidden = 1 + (frame.parameters - bare.parameters) // (2 * dim * frame.layers)
        if hidden >= dim // 2:
            return replace(plif, dim=dim, hidden=hidden)
    raise ValueError(f"frame: has {frame.parameters} parameters, too few for a PLIF")
