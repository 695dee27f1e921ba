"""The model that learned Shakespeare, opened: who fires, who is wired to whom, which synapses a text has made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from brainlib import data, runs
from brainlib.bdh import BDH, density, record_activity
from brainlib.bdh.anatomy import synapses, wiring
from chapters.bdh import shakespeare
from chapters.bdh.experiments import Experiment, new_model, trained

TRAINED, UNTRAINED, NEGATIVE = "G, trained", "G, untrained", "G, trained, most negative"
SHUFFLED = "G, trained, senders shuffled"
BASELINES = RANDOM, LOW_RANK = "random edges", "low-rank Gaussian"
MANY = 8  # edges a neuron, from which random graphs have lost the modularity of forests; hubs are counted with as many
PAPER_DENSITY = 5.0  # percent
TAIL = 0.001  # of the entries of a block


@dataclass(frozen=True)
class Anatomy:
    """The training of the model that is opened, for how many seeds, and what is measured in it."""

    experiment: Experiment
    models: int
    per_neuron: tuple[int, ...] = (1, 2, 4, 8, 16, 32)  # edges
    passages: int = 16  # of each text

    def seeds(self, seed: int) -> range:
        """Those of the models of one run."""
        return range(seed * self.models, (seed + 1) * self.models)


ANATOMIES = {
    "ci": Anatomy(shakespeare.EXPERIMENTS["ci"], models=1, per_neuron=(1, 2, 4, 8), passages=8),
    "laptop": Anatomy(shakespeare.EXPERIMENTS["laptop"], models=3),
    "paper": Anatomy(shakespeare.EXPERIMENTS["paper"], models=3),
}


def studied(profile: str, seed: int, device: str = "auto") -> list[dict[str, Any]]:
    """What `dissect` finds in each model of a run."""
    anatomy = ANATOMIES[profile]
    return runs.study(dissect, {"anatomy": anatomy}, anatomy.seeds(seed), device=device)["anatomy"]


def opened(experiment: Experiment, seed: int, device: str = "auto") -> dict[str, BDH]:
    """The model after training and before."""
    model = trained(shakespeare.learn, {experiment.text: experiment}, seed, device)[experiment.text][0]
    return {"trained": model, "untrained": new_model(experiment.model, seed, device)}


def dissect(anatomy: Anatomy, seed: int, *, device: str = "auto", folder: Path | None = None) -> dict[str, Any]:
    """All that is measured in one model and in its untrained twin."""
    models = opened(anatomy.experiment, seed, device)
    texts = {name: passages(text, anatomy) for name, text in unread(anatomy.experiment).items()}
    first = next(iter(texts.values()))[:1]
    return {
        "density": {
            f"{name}, {which}": firing(model, text) for which, model in models.items() for name, text in texts.items()
        },
        "tails": {which: tails(model) for which, model in models.items()},
        "sigma": {which: sigma_degrees(model, first) for which, model in models.items()},
    } | graphs(models, anatomy.per_neuron, seed)


def unread(experiment: Experiment) -> dict[str, UInt8[Tensor, "bytes"]]:
    """Texts that the model has not seen: its own author's, its own language's, another language's."""
    english, spanish = ("\n".join(side) for side in zip(*data.verses("en", "es"), strict=True))
    held_out = shakespeare.read(experiment)[1]
    return {"Shakespeare": held_out, "English verses": data.encode(english), "Spanish verses": data.encode(spanish)}


def passages(text: UInt8[Tensor, "bytes"], anatomy: Anatomy) -> UInt8[Tensor, "passages length"]:
    """Taken evenly from a text, each as long as those that the model learned from."""
    cut = text.unfold(0, anatomy.experiment.length, 1)
    return cut[torch.linspace(0, len(cut) - 1, anatomy.passages).long()]


def firing(model: BDH, texts: UInt8[Tensor, "passages length"]) -> dict[str, list[list[float]]]:
    """Percent of x and of y above zero, a row for each passage, a column for each layer."""
    seen = [record_activity(model, text[None].to(model.embedding.device)) for text in texts]
    return {
        part: [(density(getattr(one, part)) * 100).cpu().numpy().round(3).tolist() for one in seen]
        for part in ("x", "y")
    }


def tails(model: BDH) -> list[list[list[float]]]:
    """How far the largest thousandth of each block of G = Dx E reaches to the right, and the smallest to the left, in
    standard deviations (a Gaussian: 3.1)."""
    heads = range(model.config.heads)
    blocks = [[wiring.interactions(model, to, source).cpu().numpy() for source in heads] for to in heads]
    return [[(np.abs(np.quantile(b, (1 - TAIL, TAIL))) / b.std()).round(3).tolist() for b in row] for row in blocks]


def graphs(models: Mapping[str, BDH], per_neuron: tuple[int, ...], seed: int) -> dict[str, Any]:
    """Modularity (a row for each head, a column for each number of edges) and degrees of the strongest edges within a
    head: of G before and after training, of its most negative entries, of G when every neuron sends what another sent,
    and of the paper's two baselines."""
    n, dim, heads = (getattr(models["trained"].config, name) for name in ("head_neurons", "dim", "heads"))
    generator = torch.Generator().manual_seed(seed)
    blocks = {w: [wiring.interactions(m, head, head).cpu() for head in range(heads)] for w, m in models.items()}
    matrices = {
        TRAINED: blocks["trained"],
        NEGATIVE: [-block for block in blocks["trained"]],
        SHUFFLED: [block[:, torch.randperm(n, generator=generator)] for block in blocks["trained"]],
        UNTRAINED: blocks["untrained"],
        LOW_RANK: [a @ b.mT for a, b in torch.randn(2, 2, n, dim, generator=generator)],
    }
    edges = {
        name: [[wiring.strongest_edges(matrix, n * m) for m in per_neuron] for matrix in of_one]
        for name, of_one in matrices.items()
    }
    edges[RANDOM] = [[wiring.random_edges(n, n * m, generator) for m in per_neuron] for _ in range(2)]
    hubs = per_neuron.index(MANY)
    return {
        "modularity": {
            name: [[round(wiring.communities(one, n, seed)[0], 5) for one in row] for row in rows]
            for name, rows in edges.items()
        },
        "degrees": {
            name: counts(torch.cat([wiring.degrees(row[hubs], n) for row in rows], dim=1))
            for name, rows in edges.items()
        },
    }


def density_from_paper(found: Mapping[str, Any], text: str) -> float:
    """Percent of y above zero, mean over passages and layers, less the paper's."""
    return float(np.mean(found["density"][text]["y"])) - PAPER_DENSITY


def above_baselines(found: Mapping[str, Any], name: str, per_neuron: tuple[int, ...]) -> float:
    """Modularity, mean over heads, less that of the higher baseline: the smallest over 8 edges a neuron and more."""
    mean = {graph: np.mean(rows, axis=0) for graph, rows in found["modularity"].items()}
    above = mean[name] - np.maximum(*(mean[baseline] for baseline in BASELINES))
    return float(above[per_neuron.index(MANY) :].min())


def counts(degrees: Int[Tensor, "2 neurons"]) -> dict[str, list[int]]:
    """How many neurons have 0, 1, 2, ... edges that leave, and that arrive."""
    return {way: torch.bincount(row).tolist() for way, row in zip(("out", "in"), degrees, strict=True)}


def top_share(counts: Sequence[int]) -> float:
    """Percent of all edges that the tenth of the neurons with most of them has."""
    degrees = np.repeat(np.arange(len(counts)), counts)[::-1]
    return float(degrees[: len(degrees) // 10].sum() / degrees.sum() * 100)


def hubs(found: Mapping[str, Any], name: str) -> float:
    """`top_share` less that of random edges, the smaller of out- and in-degrees."""
    own, random = (found["degrees"][graph] for graph in (name, RANDOM))
    return min(top_share(own[way]) - top_share(random[way]) for way in own)


@torch.no_grad()
def sigma_degrees(model: BDH, text: UInt8[Tensor, "1 length"]) -> dict[str, list[int]]:
    """`counts` of sigma after a text, within the first head of a layer in the middle: of its largest
    entries, 8 a neuron. Row i of sigma receives, column j sends, as in G (eq. (16))."""
    tokens, n = text.to(model.embedding.device), model.config.head_neurons
    ((y, x),) = synapses.factors(model, tokens, model.config.layers // 2)
    sigma = y[0, :, :n].mT @ x[0, :, :n]
    return counts(wiring.degrees(wiring.strongest_edges(sigma, MANY * n), n))
