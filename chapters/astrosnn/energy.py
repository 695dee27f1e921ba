"""How often neurons fire, how many operations a token costs, and the energy that the field would estimate from them.

A linear map of numbers multiplies and adds at every weight (a MAC). A linear map of spikes only adds the weights of the
neurons that fired (an AC), which is the hope of spiking networks. The estimate of the field takes the two at what they
cost in a 45 nm process (Horowitz 2014, in the form that SpikeGPT uses) and forgets everything else: moving weights and
states from and to memory, which on real machines costs more. It is an estimate; nothing here was measured on hardware.
"""

from contextlib import ExitStack
from typing import Any

import torch
from jaxtyping import Integer
from torch import Tensor, nn

from brainlib.astrosnn import AstroSNN, AstroSNNConfig
from brainlib.training.mode import mode

MAC_NANOJOULES = 4.5e-3
AC_NANOJOULES = 0.9e-3


@torch.no_grad()
def operations(model: AstroSNN, tokens: Integer[Tensor, "batch time"]) -> dict[str, Any]:
    """What one token costs on average, by reading `tokens`. A linear map whose input holds zeros and ones only reads
    spikes.

    - "multiplications": multiply-and-accumulate operations, those of the memory included.
    - "additions": weights added because the neuron before them fired (synaptic operations).
    - "dense": what the same network would multiply if its spikes were numbers.
    - "rates": share of the neurons that fire at a token, for each map that reads spikes.

    A token of attention sees half of `tokens` on average; all else does not depend on their number. Norms,
    feature maps and other work on single channels is left out.
    """
    weights, rates = {}, {}

    def hook(layer: nn.Linear, inputs: tuple[Tensor, ...], _output: Tensor) -> None:
        (x,), name = inputs, names[layer]
        weights[name] = layer.weight.numel()
        if bool(((x == 0) | (x == 1)).all()):
            rates[name] = float(x.mean())

    names = {layer: name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)}
    with ExitStack() as stack:
        for layer in names:
            stack.callback(layer.register_forward_hook(hook).remove)
        stack.enter_context(mode(model, training=False))
        model(tokens, return_state=False)
    memory = model.config.layers * memory_multiplications(model.config, tokens.shape[1])
    return {
        "multiplications": memory + sum(count for name, count in weights.items() if name not in rates),
        "additions": sum(rate * weights[name] for name, rate in rates.items()),
        "dense": memory + sum(weights.values()),
        "rates": rates,
    }


def memory_multiplications(config: AstroSNNConfig, context: int) -> int:
    """Multiplications a token of what one block remembers with, its linear maps left out.

    With D channels in heads of d: a matrix decays, is written and read (3 D d; the delta rule recalls once more); a
    membrane or another number a channel costs one; attention sees (context + 1) / 2 tokens on average, twice D for
    each; the GRU's own weights are 6 D^2.
    """
    D = config.dim
    d = D // config.heads
    kind = config.unit_config.astrocyte if config.mixer in ("amsu", "calcium") else config.mixer
    return {
        "matrix": D + 3 * D * d,
        "gated": D + 3 * D * d,
        "delta": D + 4 * D * d,
        "none": D,
        "calcium": 3 * D,
        "lif": D,
        "plif": D,
        "alif": 3 * D,
        "rwkv": 4 * D,
        "spikegpt": 5 * D,
        "gru": 6 * D**2 + 3 * D,
        "attention": D * (context + 1),
    }[kind]
