"""The graph of neurons that training has made: who excites whom through the channel (section 5.5 of the paper).

What neuron i says goes into the channel through E, and from there through Dx to every neuron j: G = Dx E is a matrix
of n x n weights of edges i -> j, stored in 2 n d numbers. G[j, i] is the weight of the edge i -> j, as in the paper
(e_j^T G e_i): a column holds what leaves a neuron, a row what arrives.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from brainlib.bdh.model import BDH
from brainlib.extras import extra

LOUVAIN_RUNS = 3


@torch.no_grad()
def interactions(model: BDH, to_head: int, from_head: int) -> Float[Tensor, "head_neurons head_neurons"]:
    """The block of G = Dx E that leads from the neurons of one head to those of another; `G[j, i]` is edge i -> j.

    Raises `ValueError` for a head that is not there.
    """
    heads = model.config.heads
    if not (0 <= to_head < heads and 0 <= from_head < heads):
        raise ValueError(f"to_head, from_head: got {to_head}, {from_head}, expected 0 to {heads - 1}")
    return model.decoder_x[to_head].mT @ model.encoder[from_head].mT


def strongest_edges(weights: Float[Tensor, "neurons neurons"], count: int) -> Int[Tensor, "edges 2"]:
    """The `count` largest entries off the diagonal as rows (from, to), the strongest first.

    A threshold beta on the weights and a number of edges are two names of one choice; the number can be compared
    between matrices of any scale. Raises `ValueError` if there are not as many entries.
    """
    neurons = len(weights)
    check_count(count, neurons)
    open_entries = weights.detach().cpu().clone().fill_diagonal_(-torch.inf)
    order = open_entries.flatten().topk(count).indices
    return torch.stack((order % neurons, order // neurons), dim=1)


def random_edges(neurons: int, count: int, generator: torch.Generator) -> Int[Tensor, "edges 2"]:
    """`count` different edges (from, to) drawn evenly, none from a neuron to itself."""
    check_count(count, neurons)
    order = torch.randperm(neurons * (neurons - 1), generator=generator)[:count]
    source, other = order // (neurons - 1), order % (neurons - 1)
    return torch.stack((source, other + (other >= source)), dim=1)


def degrees(edges: Int[Tensor, "edges 2"], neurons: int) -> Int[Tensor, "2 neurons"]:
    """How many edges leave each neuron (row 0) and arrive at it (row 1)."""
    return torch.stack([torch.bincount(ends, minlength=neurons) for ends in edges.T])


def communities(edges: Int[Tensor, "edges 2"], neurons: int, seed: int = 0) -> tuple[float, Int[Tensor, "neurons"]]:
    """Newman's modularity of the best partition that Louvain's method finds, and each neuron's community (0 the
    largest).

    Directions are dropped, as in the paper: an edge counts once each way it runs, so that graphs of as many edges have
    the same total weight. The best of a few runs with seeds that follow from `seed`.
    """
    with extra("notebook"):
        import networkx as nx

    graph = nx.Graph()
    graph.add_nodes_from(range(neurons))
    for source, target in edges.tolist():
        weight = graph.get_edge_data(source, target, {"weight": 0})["weight"]
        graph.add_edge(source, target, weight=weight + 1)
    seeds = range(LOUVAIN_RUNS * seed, LOUVAIN_RUNS * (seed + 1))
    partitions = [nx.community.louvain_communities(graph, seed=run) for run in seeds]
    qualities = [nx.community.modularity(graph, partition) for partition in partitions]
    best = int(np.argmax(qualities))
    labels = torch.empty(neurons, dtype=torch.int64)
    for label, members in enumerate(sorted(partitions[best], key=len, reverse=True)):
        labels[list(members)] = label
    return float(qualities[best]), labels


def check_count(count: int, neurons: int) -> None:
    if not 1 <= count <= neurons * (neurons - 1):
        raise ValueError(f"count: got {count}, expected 1 to {neurons * (neurons - 1)} for {neurons} neurons")
