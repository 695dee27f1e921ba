"""One function in several forms: of attention (chapter 1) and of the graph (chapter 2), and how far they are apart."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from brainlib import bdh, data
from brainlib.bdh import graph, reference
from brainlib.bdh.norm import norm
from brainlib.bdh.rotation import rotate, rotation

CHANNELS = 4  # of the random graphs


def with_attention(model: bdh.BDH, tokens: Int[Tensor, "time"]) -> Float[Tensor, "time vocab"]:
    """Appendix E: all bytes at once."""
    v = norm(model.embedding[tokens])  # time, channels
    turn = rotation(model.frequencies, 0, len(tokens), v.dtype)
    for _ in range(model.config.layers):
        x = (v @ model.decoder_x).relu()  # heads, time, neurons: which are excited
        q = rotate(x, turn)
        a = (q @ q.mT).tril(-1) @ v  # what was there when the same neurons were excited
        y = (norm(a) @ model.decoder_y).relu() * x  # which speak
        v = norm(v + norm((y @ model.encoder).sum(0)))
    return v @ model.readout


def with_synapses(model: bdh.BDH, tokens: Int[Tensor, "time"]) -> Float[Tensor, "time vocab"]:
    """The same byte by byte: of the past there are only the synapses."""
    synapses, logits = model.initial_state(batch=1).synapses[:, 0], []
    for t, token in enumerate(tokens):
        v, turn = norm(model.embedding[token])[None], rotation(model.frequencies, t, 1, synapses.dtype)
        for rho in synapses:  # of a layer: heads, neurons, channels
            x = (v @ model.decoder_x).relu()
            q = rotate(x, turn)
            a = q @ rho  # read,
            rho += q.mT @ v  # then write: Hebb's rule
            y = (norm(a) @ model.decoder_y).relu() * x
            v = norm(v + norm((y @ model.encoder).sum(0)))
        logits.append(v @ model.readout)
    return torch.cat(logits)


@torch.no_grad()
def attention_forms(seed: int) -> dict[str, float]:
    """Of each form the largest difference of its logits from the first, relative to the largest logit, in float64."""
    torch.manual_seed(seed)
    small = bdh.BDH(bdh.BDHConfig(layers=3, dim=32, heads=4, neurons=512)).double().eval()
    text = data.encode("The king is dead. Long live the king!")
    logits = {"with attention": with_attention(small, text.long()), "with synapses": with_synapses(small, text.long())}
    for size in (len(text), 10, 1):
        logits[f"BDH, chunk_size = {size}"] = small(text[None], chunk_size=size)[0][0]
    weights = reference.weights_of(small)
    logits["loops of Appendix E"] = torch.from_numpy(reference.listing(weights, text.numpy()))
    logits["loops of eq. (8)"] = torch.from_numpy(reference.state_space(weights, text.numpy()))
    first = logits["with attention"]
    return {name: float((other - first).abs().max() / first.abs().max()) for name, other in logits.items()}


def by_rounds(graphs: graph.Graphs, x: ndarray, y: ndarray, as_printed: bool = False) -> graph.Trajectory:
    """x and y of all layers from the rounds of Table 1."""
    moments = graph.run(graphs, x, y, as_printed=as_printed)
    shape = (len(x), graphs.layers, x.shape[1])
    later = np.reshape([moment.X for moment in moments if moment.round == 3], shape)
    ys = np.reshape([moment.Y for moment in moments if moment.round == 2], shape)
    return graph.Trajectory(np.concatenate((x[:, None], later), axis=1), ys)


def by_tensors(model: graph.LowRank, x: ndarray, y: ndarray) -> graph.Trajectory:
    tensors = map(torch.from_numpy, (model.Dx, model.Dy, model.E, model.U))
    both = graph.tensor_form(*tensors, model.layers, *map(torch.from_numpy, (x, y)))
    return graph.Trajectory(*(part.numpy() for part in both))


def difference(other: graph.Trajectory, expected: graph.Trajectory) -> float:
    """The largest over x and y of every layer, relative to the largest value there."""
    pairs = ((other.x, expected.x), (other.y, expected.y))
    parts = [np.abs(a - b).max((0, 2)) / np.maximum(a, b).max((0, 2)) for a, b in pairs]
    return float(np.concatenate(parts).max())


def draw(seed: int, U: ndarray, layers: int) -> tuple[graph.LowRank, ndarray, ndarray]:
    """A random model, and what each of ten tokens sets X and Y to."""
    random, neurons = np.random.default_rng(seed), len(U)
    shapes = ((neurons, CHANNELS), (neurons, CHANNELS), (CHANNELS, neurons))
    model = graph.LowRank(*(random.normal(size=shape) / CHANNELS**0.5 for shape in shapes), U, layers)
    y = random.uniform(size=(10, neurons)) * (random.random((10, neurons)) < 0.4)
    return model, np.maximum(y @ (model.Dx @ model.E).T, 0), y


def graph_forms(seed: int) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """How far each form is from eq. (6) in a random model that reads ten tokens, for synapses that fade and that turn;
    and how far what the paper prints is from it where it is left as printed."""
    kept = np.linspace(0.7, 1.0, 12)  # each neuron's synapses fade at their own rate
    errors, printed = {}, {}
    for name, U in {"fading (ALiBi)": np.diag(kept), "turning (RoPE)": graph.rope(len(kept))}.items():
        small, x, y = draw(seed, U, layers=3)
        whole = graph.graphs_of(small)
        six, seven = graph.equation_6(whole, x, y), graph.equation_7(small, x, y)
        state = float(np.abs(small.E @ six.state - seven.state).max() / abs(seven.state).max())
        errors[name] = {
            "eq. (7), state ρ": difference(seven, six),
            "the state itself: ρ = E σ": state,
            "tensor program": difference(by_tensors(small, x, y), six),
        }
        if name.startswith("fading"):
            paid = replace(whole, Gs=whole.Gs * kept)
            errors[name]["rounds of Table 1"] = difference(by_rounds(paid, x, y), six)
            printed["rate of Hebb's rule left at Gs"] = difference(by_rounds(whole, x, y), six)
            printed["Hebb's rule as printed"] = difference(by_rounds(paid, x, y, as_printed=True), six)
    return errors, printed


def few_synapses(seed: int) -> dict[str, float]:
    """Claim 4 (9 in full): y of a layer whose synapses lead to 2 d neurons only, beside y of one with all of them.

    The values are prepared before: A(y) = E' y, on the first 2 d neurons. Gs is 1 in the rows of these neurons, where
    the proof says columns, and the factors of Dy lead on from them.
    """
    model, x, y = draw(seed, graph.rope(60), layers=1)
    hidden, rest = graph.factorise(model.Dy, model.E), 60 - 2 * CHANNELS
    prepared = np.pad(y @ hidden.inward.T, ((0, 0), (0, rest)))
    Gs = np.pad(np.ones((2 * CHANNELS, 60)), ((0, rest), (0, 0)))
    Gye, Gyi = (np.pad(part, ((0, 0), (0, rest))) for part in (hidden.excites, hidden.inhibits))
    whole = graph.graphs_of(model)
    few = replace(whole, Gye=Gye, Gyi=Gyi, Gs=Gs)
    said = graph.equation_6(whole, x, y).y

    def off(graphs: graph.Graphs) -> float:
        return float(np.abs(graph.equation_6(graphs, x, prepared).y - said).max() / said.max())

    return {
        "synapses": np.count_nonzero(Gs),
        "of": 60**2,
        "difference": off(few),
        "difference, Gs as printed": off(replace(few, Gs=Gs.T)),
    }
