"""One function in several forms: of attention (chapter 1) and of the graph (chapter 2), and how far they are apart."""

from dataclasses import replace

import numpy as np
import torch
from numpy import ndarray

from brainlib import bdh, data
from brainlib.bdh import graph, reference


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


def graph_forms(
    seed: int, neurons: int = 12, channels: int = 4, layers: int = 3
) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """How far each form is from eq. (6) in a random model that reads ten tokens, for synapses that fade and that turn;
    and how far Table 1 is from it where it is left as printed."""
    kept = np.linspace(0.7, 1.0, neurons)  # each neuron's synapses fade at their own rate
    errors, deviations = {}, {}
    for name, U in {"fading (ALiBi)": np.diag(kept), "turning (RoPE)": graph.rope(neurons)}.items():
        draw = np.random.default_rng(seed)
        shapes = ((neurons, channels), (neurons, channels), (channels, neurons))
        small = graph.LowRank(*(draw.normal(size=shape) / channels**0.5 for shape in shapes), U, layers)
        y = draw.uniform(size=(10, neurons)) * (draw.random((10, neurons)) < 0.4)
        x, whole = np.maximum(y @ (small.Dx @ small.E).T, 0), graph.graphs_of(small)
        six, seven = graph.equation_6(whole, x, y), graph.equation_7(small, x, y)
        errors[name] = {
            "eq. (7), state ρ": difference(seven, six),
            "the state itself: ρ = E σ": float(
                np.abs(small.E @ six.state - seven.state).max() / abs(seven.state).max()
            ),
            "tensor program": difference(by_tensors(small, x, y), six),
        }
        if name.startswith("fading"):
            paid = replace(whole, Gs=whole.Gs * kept)
            errors[name]["rounds of Table 1"] = difference(by_rounds(paid, x, y), six)
            deviations = {
                "rate of Hebb's rule left at Gs": difference(by_rounds(whole, x, y), six),
                "Hebb's rule as printed": difference(by_rounds(paid, x, y, as_printed=True), six),
            }
    return errors, deviations
