"""The paper's equations as plain loops in float64: slow, and the ground truth of the tests.

`listing` is Appendix E (arXiv 2509.26507): attention over all earlier tokens. `state_space` is the same model with
its attention written as eq. (8)'s state: a matrix rho of synapses that is rotated, read and added to, token by token.
The paper's eq. (8) itself places norms and residuals differently from the listing (it keeps a residual on x and none
on v); what was trained is the listing.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int
from numpy import ndarray

from brainlib.bdh.model import BDH
from brainlib.bdh.rotation import to_turns


@dataclass(frozen=True)
class Weights:
    """In the paper's symbols; `turns` are the RoPE frequencies of the neuron pairs, in turns a token."""

    embedding: Float64[ndarray, "vocab dim"]
    Dx: Float64[ndarray, "heads dim head_neurons"]
    Dy: Float64[ndarray, "heads dim head_neurons"]
    E: Float64[ndarray, "heads head_neurons dim"]
    readout: Float64[ndarray, "dim vocab"]
    turns: Float64[ndarray, "pairs"]
    layers: int
    decay: Float64[ndarray, "heads"]  # e-folds a token


def weights_of(model: BDH) -> Weights:
    """The weights of a model in float64."""
    tensors = model.embedding, model.decoder_x, model.decoder_y, model.encoder, model.readout
    embedding, Dx, Dy, E, readout = (tensor.detach().double().numpy() for tensor in tensors)
    turns, layers = to_turns(model.frequencies).numpy(), model.config.layers
    decay = np.zeros(len(Dx)) if model.config.decay is None else np.array(model.config.decay)
    return Weights(embedding, Dx, Dy, E, readout, turns, layers, decay)


def listing(weights: Weights, tokens: Int[ndarray, "time"]) -> Float64[ndarray, "time vocab"]:
    """Appendix E: logits after every token of one text."""
    time, heads = len(tokens), len(weights.Dx)
    v = [layer_norm(weights.embedding[token]) for token in tokens]
    for _ in range(weights.layers):
        update = [np.zeros_like(v[0]) for _ in range(time)]
        for h in range(heads):
            x = [relu(v[t] @ weights.Dx[h]) for t in range(time)]
            q = [turned(x[t], t * weights.turns) for t in range(time)]
            for t in range(time):
                a = np.zeros_like(v[t])
                for s in range(t):  # the strict past
                    a += np.exp(-weights.decay[h] * (t - s)) * (q[t] @ q[s]) * v[s]
                y = relu(layer_norm(a) @ weights.Dy[h]) * x[t]
                update[t] += y @ weights.E[h]
        v = [layer_norm(v[t] + layer_norm(update[t])) for t in range(time)]
    return np.stack([v[t] @ weights.readout for t in range(time)])


def state_space(weights: Weights, tokens: Int[ndarray, "time"]) -> Float64[ndarray, "time vocab"]:
    """Eq. (8)'s state: rho_t = (rho_{t-1} + v_t x_t^T) U, a_t = rho_{t-1} x_t, with U the rotation by one token (and
    a decay, ALiBi's, if the model has one).
    """
    heads, dim, head_neurons = weights.Dx.shape
    rho = np.zeros((weights.layers, heads, dim, head_neurons))
    logits = []
    for token in tokens:
        v = layer_norm(weights.embedding[token])
        for layer in range(weights.layers):
            update = np.zeros_like(v)
            for h in range(heads):
                x = relu(v @ weights.Dx[h])
                a = rho[layer, h] @ x
                y = relu(layer_norm(a) @ weights.Dy[h]) * x
                update += y @ weights.E[h]
                learned = np.exp(-weights.decay[h]) * (rho[layer, h] + np.outer(v, x))
                rho[layer, h] = np.stack([turned(row, -weights.turns) for row in learned])  # row U = U^T row
            v = layer_norm(v + layer_norm(update))
        logits.append(v @ weights.readout)
    return np.stack(logits)


def relu(values: Float64[ndarray, "*n"]) -> Float64[ndarray, "*n"]:
    return np.maximum(values, 0)


def layer_norm(v: Float64[ndarray, "dim"]) -> Float64[ndarray, "dim"]:
    return (v - v.mean()) / np.sqrt(v.var() + 1e-5)


def turned(x: Float64[ndarray, "head_neurons"], turns: Float64[ndarray, "pairs"]) -> Float64[ndarray, "head_neurons"]:
    """RoPE: the pair (x[2i], x[2i+1]) rotated by turns[i] full turns."""
    out = np.empty_like(x)
    for i, turn in enumerate(turns):
        cos, sin = np.cos(2 * np.pi * turn), np.sin(2 * np.pi * turn)
        out[2 * i] = x[2 * i] * cos - x[2 * i + 1] * sin
        out[2 * i + 1] = x[2 * i + 1] * cos + x[2 * i] * sin
    return out
