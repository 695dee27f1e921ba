"""One function in several forms: of attention (chapter 1) and of the graph (chapter 2), and how far they are apart."""

from dataclasses import replace

import numpy as np
import torch
from numpy import ndarray

from brainlib import bdh, data
from brainlib.bdh import graph, reference

CHANNELS = 4  # of the random graphs


def attention_forms(seed: int) -> dict[str, float]:
    """Of each form the largest difference of its logits from the first, relative to the largest logit, in float64."""
    torch.manual_seed(seed)
    small = bdh.BDH(bdh.BDHConfig(layers=3, dim=32, heads=4, neurons=512)).double().eval()
    text = data.encode("The king is dead. Long live the king!")[None]
    sizes = {"quadratic": text.shape[1], "chunked": 10, "recurrent": 1}
    with torch.no_grad():
        logits = {f"{name} (chunk_size = {size})": small(text, chunk_size=size)[0][0] for name, size in sizes.items()}
    weights = reference.weights_of(small)
    logits["loops of Appendix E"] = torch.from_numpy(reference.listing(weights, text[0].numpy()))
    logits["loops of eq. (8)"] = torch.from_numpy(reference.state_space(weights, text[0].numpy()))
    first = next(iter(logits.values()))
    return {name: float((other - first).abs().max() / first.abs().max()) for name, other in logits.items()}


def sizes(config: bdh.BDHConfig) -> dict[str, int]:
    """What there is to count in a model, and what the formulas say."""
    model = bdh.BDH(config)
    return {
        "layers": config.layers,
        "neurons n": config.neurons,
        "channels d": config.dim,
        "weights": sum(weight.numel() for weight in model.parameters()),
        "3 n d + 2 vocab d": 3 * config.neurons * config.dim + 2 * config.vocab * config.dim,
        "synapses a layer": model.initial_state(batch=1).synapses[0].numel(),
        "n d": config.neurons * config.dim,
    }


def miscounted(counts: dict[str, int]) -> int:
    """How far the counts are from the formulas."""
    return abs(counts["weights"] - counts["3 n d + 2 vocab d"]) + abs(counts["synapses a layer"] - counts["n d"])


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
