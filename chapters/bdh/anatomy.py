"""The trained model opened: its wiring and its concept synapses, measured once for each seed."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from brainlib import data, runs
from brainlib.bdh import BDH
from brainlib.bdh.anatomy import synapses, wiring
from chapters.bdh import translation
from chapters.bdh.concepts import CONCEPTS, Passages, passages
from chapters.bdh.experiments import Experiment, new_model, trained
from chapters.bdh.translation import SPANISH, Run

PER_NEURON = (1, 2, 4, 8, 16, 32)  # edges a neuron
MANY = slice(3, None)  # of these, where random graphs have lost the modularity of forests
HUBS = 8  # edges a neuron in the graphs whose degrees are counted
COINS = 3  # shuffled labellings beside the true one


def animal(experiment: Experiment, seed: int, device: str = "auto") -> BDH:
    """The model that is opened."""
    return trained(translation.learn, {"en-es": Run(experiment)}, seed, device)["en-es"][0]


def blocks(model: BDH) -> list[Float[Tensor, "head_neurons head_neurons"]]:
    """The diagonal blocks of G, from each head to itself."""
    return [wiring.interactions(model, head, head).cpu() for head in range(model.config.heads)]


def measure_wiring(
    experiment: Experiment, seed: int, *, device: str = "auto", folder: Path | None = None
) -> dict[str, Any]:
    """Modularity at every number of edges, degrees and their tails: of G before and after training and of the paper's
    baselines, a row for each head."""
    model = animal(experiment, seed, device)
    config, n = model.config, model.config.head_neurons
    generator, heads = torch.Generator().manual_seed(seed), range(config.heads)
    matrices = {
        "G, trained": blocks(model),
        "G, untrained": blocks(new_model(experiment.model, seed, device)),
        "low-rank Gaussian": [wiring.low_rank_noise(n, config.dim, generator) for _ in heads],
    }

    def graphs(name: str, edges: int) -> list[Tensor]:
        """For each head the strongest edges, or as many drawn at random."""
        if name == "random edges":
            return [wiring.random_edges(n, n * edges, generator) for _ in heads]
        return [wiring.strongest_edges(matrix, n * edges) for matrix in matrices[name]]

    names = ("G, trained", "G, untrained", "random edges", "low-rank Gaussian")
    drawn = [[wiring.random_edges(n, n * edges, generator) for edges in PER_NEURON] for _ in heads]
    found = {
        name: drawn if name == "random edges" else [*zip(*(graphs(name, edges) for edges in PER_NEURON), strict=True)]
        for name in names
    }
    modularity = {
        name: [[wiring.communities(edges, n, seed)[0] for edges in row] for row in rows] for name, rows in found.items()
    }
    higher = np.maximum(np.mean(modularity["random edges"], 0), np.mean(modularity["low-rank Gaussian"], 0))
    degrees = {  # out-degrees and in-degrees of the neurons of all heads
        name: torch.cat([wiring.degrees(edges, n) for edges in graphs(name, HUBS)], dim=1) for name in names
    }
    return {
        "modularity": modularity,
        "above baselines": (np.array(modularity["G, trained"]) - higher).tolist(),
        "degrees": degrees,
        "tails": {
            f"{name}: {direction}-degree": tail(degree)
            for name, both in degrees.items()
            for direction, degree in zip(("out", "in"), both, strict=True)
        },
    }


def tail(degree: Tensor) -> dict[str, float]:
    """What the hubs hold, and whether the degrees' tail is heavier than exponential."""
    top, fit = degree.sort(descending=True).values[: len(degree) // 10], wiring.fit_tail(degree)
    return {
        "largest": int(degree.max()),
        "edges at the top tenth (%)": float(top.sum() / degree.sum() * 100),
        "tail begins at": fit.start,
        "neurons in the tail": fit.size,
        "exponent": fit.exponent,
        "against exponential": fit.against_exponential,
    }


def moments(model: BDH, untrained: BDH) -> dict[str, dict[str, float]]:
    """The shape of the distribution of each block's weights, by head."""
    return {
        f"head {head + 1}": {
            "skewness": wiring.standardised_moment(block, 3),
            "kurtosis (Gaussian: 3)": wiring.standardised_moment(block, 4),
            "largest / standard deviation": float(block.max() / block.std()),
            "smallest / standard deviation": float(block.min() / block.std()),
            "skewness, untrained": wiring.standardised_moment(start, 3),
        }
        for head, (block, start) in enumerate(zip(blocks(model), blocks(untrained), strict=True))
    }


def halves(experiment: Experiment) -> list[dict[str, list[str]]]:
    """The held-out verses in two halves, for the search and for the test, by language."""
    split = data.hold_out(translation.verses(experiment, SPANISH)[1], every=2, block=50)
    return [{"en": [en for en, _ in half], "es": [es for _, es in half]} for half in split]


def find_concepts(
    experiment: Experiment, seed: int, *, device: str = "auto", folder: Path | None = None
) -> dict[str, Any]:
    """For every concept the synapse that tells it best on the search half, and how well it does on the other half, in
    the other language, before the word, and for shuffled labels; and the synapses."""
    model = animal(experiment, seed, device)
    where = model.embedding.device
    search, test = halves(experiment)

    def separate(texts: Passages, synapse: synapses.Synapse, labels: Bool[Tensor, "batch"]) -> synapses.Separation:
        return synapses.separation(synapses.synapse_values(model, texts.tokens.to(where), synapse).cpu(), labels)

    def before_the_word(texts: Passages, synapse: synapses.Synapse) -> synapses.Separation:
        """The same with the synapse as the last word's first byte finds it."""
        trace = synapses.synapse_trace(model, texts.tokens.to(where), synapse).cpu()
        first = [-1 - len(word.encode()) for word in texts.words]
        return synapses.separation(trace[torch.arange(len(first)), torch.tensor(first)], texts.concept)

    rows, found = [], {}
    for name, concept in CONCEPTS.items():
        seen, unseen, spanish = (
            passages(half[language], concept, language)
            for half, language in ((search, "en"), (test, "en"), (test, "es"))
        )
        generator = torch.Generator().manual_seed(seed)
        shuffled, by_coin = (
            [texts.concept[torch.randperm(len(texts.concept), generator=generator)] for _ in range(COINS)]
            for texts in (seen, unseen)
        )
        winner, *others = synapses.find_synapses(model, seen.tokens.to(where), torch.stack([seen.concept, *shuffled]))
        found[name] = list(winner)
        english, other = (separate(texts, winner, texts.concept) for texts in (unseen, spanish))
        rows.append(
            {
                "concept": name,
                "layer": winner.layer + 1,
                "passages: search, test": f"{len(seen.words)}, {len(unseen.words)}",
                "search half": separate(seen, winner, seen.concept).share,
                "other half": english.share,
                "p": english.p,
                "Spanish": other.share,
                "p, Spanish": other.p,
                "before the word": before_the_word(unseen, winner).share,
                "coin: search half": _mean_share(separate(seen, *pair) for pair in zip(others, shuffled, strict=True)),
                "coin: other half": _mean_share(separate(unseen, *pair) for pair in zip(others, by_coin, strict=True)),
            }
        )
    return {"rows": rows, "found": found}


def _mean_share(separations) -> float:
    return float(np.mean([separation.share for separation in separations]))


def wiring_of(experiment: Experiment, seed: int, device: str = "auto") -> dict[str, Any]:
    """`measure_wiring`, kept."""
    return runs.study(measure_wiring, {"wiring": experiment}, [seed], device=device)["wiring"][0]


def concepts_of(
    experiment: Experiment, seed: int, device: str = "auto"
) -> tuple[list[dict[str, Any]], dict[str, synapses.Synapse]]:
    """`find_concepts`, kept: the rows of its table, and the synapses."""
    kept = runs.study(find_concepts, {"concepts": experiment}, [seed], device=device)["concepts"][0]
    return kept["rows"], {name: synapses.Synapse(*place) for name, place in kept["found"].items()}
