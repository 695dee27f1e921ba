"""Teaching a network that stands at one span a longer one, with a single head, whatever it was taught with before
(of the official code for this only the plot is released)."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from brainlib.timescales.curricula import from_scratch
from brainlib.timescales.network import Network
from brainlib.timescales.school import School
from brainlib.timescales.schooling import attend


def retraining(
    network: Network,
    head: int,
    school: School,
    spans: Sequence[int],
    epochs: int,
    seed: int,
    device: str = "auto",
    folder: Path | None = None,
) -> dict[int, list[float]]:
    """By span, the accuracy after each of at most `epochs` epochs of teaching a copy of `network` that span alone; the
    last is the outcome. A span that passes the school's gate is not taught on.

    `head` is the one that goes on being trained: that of the longest span which the network solved, for networks from
    any curriculum. `school` tells everything else, its curriculum aside. `folder` makes it resumable.

    Raises `ValueError` for a head that does not exist, and as `School` and `attend`. Used in
    chapters/timescales/03_lesions.ipynb.
    """
    if not 0 <= head < network.heads:
        raise ValueError(f"head: got {head}, expected 0 to {network.heads - 1}")
    start = _with_first_head(network, head)
    accuracies = {}
    for span in spans:
        lesson = replace(school, curriculum=from_scratch(span), epochs=epochs, largest=span)
        report = attend(lesson, seed, device, folder and folder / f"span-{span}", start, progress=False)
        accuracies[span] = [epoch.accuracy[0] for epoch in report.history]
    return accuracies


@torch.no_grad()
def _with_first_head(network: Network, head: int) -> Network:
    """A copy whose first head, which answers a single span, is `head`."""
    network = copy.deepcopy(network)
    for part in (network.readout_weight, network.readout_bias):
        part[0] = part[head].clone()
    return network
