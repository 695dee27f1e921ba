"""The trained model opened: its wiring and its concept synapses, measured once for each seed."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float
from scipy.stats import kurtosis, skew
from torch import Tensor

from brainlib import data, runs
from brainlib.bdh import BDH
from brainlib.bdh.anatomy import wiring
from brainlib.bdh.anatomy.synapses import Separation, Synapse, find_synapses, separation, synapse_trace, synapse_values
from chapters.bdh import translation
from chapters.bdh.concepts import CONCEPTS, Passages, passages
from chapters.bdh.experiments import Experiment, new_model, trained
from chapters.bdh.translation import SPANISH, Run

GRAPHS = ("G, trained", "G, untrained", "random edges", "low-rank Gaussian")
PER_NEURON = (1, 2, 4, 8, 16, 32)  # edges a neuron
MANY = slice(3, None)  # of these, where random graphs have lost the modularity of forests
HUBS = 8  # edges a neuron in the graphs whose degrees are counted
TOP = "edges at the top tenth (%)"
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
    """Modularity at every number of edges and tails of the degrees: of G before and after training and of the paper's
    baselines, a row for each head."""
    model = animal(experiment, seed, device)
    n, dim, heads = model.config.head_neurons, model.config.dim, range(model.config.heads)
    generator = torch.Generator().manual_seed(seed)
    matrices = {
        "G, trained": blocks(model),
        "G, untrained": blocks(new_model(experiment.model, seed, device)),
        "low-rank Gaussian": [a @ b.mT for a, b in torch.randn(len(heads), 2, n, dim, generator=generator)],
    }

    def edges(name: str, head: int, per_neuron: int) -> Tensor:
        """The strongest edges, or as many drawn at random."""
        if name in matrices:
            return wiring.strongest_edges(matrices[name][head], n * per_neuron)
        return wiring.random_edges(n, n * per_neuron, generator)

    modularity = {
        name: np.array([[wiring.communities(edges(name, head, m), n, seed)[0] for m in PER_NEURON] for head in heads])
        for name in GRAPHS
    }
    higher = np.maximum(modularity["random edges"].mean(0), modularity["low-rank Gaussian"].mean(0))
    tails = {}
    for name in GRAPHS:  # out-degrees and in-degrees of the neurons of all heads
        out, into = torch.cat([wiring.degrees(edges(name, head, HUBS), n) for head in heads], dim=1)
        tails |= {f"{name}: out-degree": tail(out), f"{name}: in-degree": tail(into)}
    above = modularity["G, trained"] - higher
    return {"modularity": modularity, "above baselines": above, "tails": tails}


def tail(degree: Tensor) -> dict[str, float]:
    """What the hubs hold, and whether the degrees' tail is heavier than exponential."""
    top, fit = degree.sort(descending=True).values[: len(degree) // 10], wiring.fit_tail(degree)
    return {
        "largest": int(degree.max()),
        TOP: float(top.sum() / degree.sum() * 100),
        "tail begins at": fit.start,
        "neurons in the tail": fit.size,
        "exponent": fit.exponent,
        "against exponential": fit.against_exponential,
    }


def moments(model: BDH) -> pd.DataFrame:
    """The shape of the distribution of each block's weights, a row for each head."""
    rows = [
        {"skewness": skew(weights), "kurtosis (Gaussian: 3)": kurtosis(weights, fisher=False)}
        for weights in (block.detach().double().flatten().numpy() for block in blocks(model))
    ]
    return pd.DataFrame(rows, index=[f"head {head + 1}" for head in range(len(rows))])


def halves(experiment: Experiment) -> list[dict[str, list[str]]]:
    """The held-out verses in two halves, for the search and for the test, by language."""
    split = data.hold_out(translation.verses(experiment.text, SPANISH)[1], every=2, block=50)
    return [{"en": [en for en, _ in half], "es": [es for _, es in half]} for half in split]


def find_concepts(
    experiment: Experiment, seed: int, *, device: str = "auto", folder: Path | None = None
) -> dict[str, Any]:
    """For every concept the synapse that tells it best on the search half, and how well it does on the other half, in
    the other language, before the word, and for shuffled labels; and the synapses."""
    model = animal(experiment, seed, device)
    where = model.embedding.device
    search, test = halves(experiment)

    def told(texts: Passages, synapse: Synapse, labels: Bool[Tensor, "batch"] | None = None) -> Separation:
        values = synapse_values(model, texts.tokens.to(where), synapse).cpu()
        return separation(values, texts.concept if labels is None else labels)

    rows, found = [], {}
    for name, concept in CONCEPTS.items():
        generator = torch.Generator().manual_seed(seed)
        seen, unseen = (passages(half["en"], concept, "en") for half in (search, test))
        shuffled, by_coin = (
            [texts.concept[torch.randperm(len(texts.concept), generator=generator)] for _ in range(COINS)]
            for texts in (seen, unseen)
        )
        winner, *others = find_synapses(model, seen.tokens.to(where), torch.stack([seen.concept, *shuffled]))
        english, spanish = told(unseen, winner), told(passages(test["es"], concept, "es"), winner)
        trace = synapse_trace(model, unseen.tokens.to(where), winner).cpu()
        first = [-1 - len(word.encode()) for word in unseen.words]  # as the word's first byte finds it
        found[name] = list(winner)
        rows.append(
            {
                "concept": name,
                "layer": winner.layer + 1,
                "passages: search, test": f"{len(seen.words)}, {len(unseen.words)}",
                "search half": told(seen, winner).share,
                "other half": english.share,
                "p": english.p,
                "Spanish": spanish.share,
                "p, Spanish": spanish.p,
                "before the word": separation(trace[range(len(first)), first], unseen.concept).share,
                "coin: search half": np.mean(
                    [told(seen, *pair).share for pair in zip(others, shuffled, strict=True)]
                ).item(),
                "coin: other half": np.mean(
                    [told(unseen, *pair).share for pair in zip(others, by_coin, strict=True)]
                ).item(),
            }
        )
    return {"rows": rows, "found": found}


def wiring_of(experiment: Experiment, seed: int, device: str = "auto") -> dict[str, Any]:
    """`measure_wiring`, kept, in plain lists."""
    kept = runs.study(measure_wiring, {"wiring": experiment}, [seed], device=device)["wiring"][0]
    modularity = {name: rows.tolist() for name, rows in kept["modularity"].items()}
    return kept | {"modularity": modularity, "above baselines": kept["above baselines"].tolist()}


def concepts_of(experiment: Experiment, seed: int, device: str = "auto") -> tuple[list[dict], dict[str, Synapse]]:
    """`find_concepts`, kept: the rows of its table, and the synapses."""
    kept = runs.study(find_concepts, {"concepts": experiment}, [seed], device=device)["concepts"][0]
    return kept["rows"], {name: Synapse(*place) for name, place in kept["found"].items()}
