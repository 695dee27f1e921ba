"""The networks of chapters 2 and 3, trained once for each condition and seed, and what simulations tell of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from brainlib import runs
from brainlib.timescales.activity import activity
from brainlib.timescales.autocorrelation import SHORTEST
from brainlib.timescales.training import CurriculumConfig, TrainedNetwork, train

SINGLE, MULTI = CONDITIONS = ("single-head", "multi-head")
PROJECTED, WINDOW, STILL = "multi-head, projected", "sliding window", "standing still"


def training(config: CurriculumConfig, seed: int, *, device: str, folder: Path | None) -> dict[str, Any]:
    """One network, as `TrainedNetwork.to_dict` writes it."""
    return train(config, seed, device, folder).to_dict()


def trained(
    conditions: Mapping[str, CurriculumConfig], seeds: Iterable[int], device: str = "auto", progress: bool = True
) -> dict[str, list[TrainedNetwork]]:
    """By condition, the networks of all seeds in their order."""
    found = runs.study(training, conditions, seeds, device=device, progress=progress)
    return {
        condition: [TrainedNetwork.from_dict(config, content, device) for content in found[condition]]
        for condition, config in conditions.items()
    }


@dataclass(frozen=True)
class Recording:
    """Simulations of a network at about `snapshots` of the spans it solved: `trials` of `length` bits, all the same."""

    config: CurriculumConfig
    length: int
    trials: int
    snapshots: int
    bits_seed: int


def recording(settings: Recording, seed: int, *, device: str, folder: Path | None) -> dict[str, Any]:
    """`rows` of tau_net and dimensionality by span; of a network that solved none, one of it as it is in the end.

    `share` is that of the units that could be fitted, over which `mean` and `median` go: 1 bit if there is none, as
    nothing outlasts it.
    """
    ((one,),) = trained({"network": settings.config}, [seed], device, progress=False).values()
    spans = milestones(one.solved, settings.snapshots) if one.solved else one.config.curriculum.spans(0)[-1:]
    rows = []
    for span in spans:
        bits = torch.Generator().manual_seed(settings.bits_seed)
        network = one.network_at(span) if one.solved else one.network
        found = activity(network, bits, settings.length, settings.trials)
        tau_net = found.tau_net if found.tau_net.share else None
        mean, median = (tau_net.mean, tau_net.median) if tau_net else (SHORTEST, SHORTEST)
        row = {"seed": seed, "span": span, "mean": mean, "median": median}
        rows.append(row | {"share": found.tau_net.share, "dimensions": found.dimensions})
    return {"rows": rows}


def milestones(spans: Iterable[int], count: int, first: int = 3) -> list[int]:
    """About `count` of the spans, evenly spread from `first` to the longest, both ends included; only the longest if it
    is shorter than `first`.

    Raises `ValueError` if there are no spans, or for a count below 2.
    """
    known = sorted(spans)
    if not known:
        raise ValueError("spans: got none, expected at least one that was solved")
    if count < 2:
        raise ValueError(f"count: got {count}, expected at least 2")
    known = [span for span in known if span >= first] or known[-1:]
    places = {round(place * (len(known) - 1) / (count - 1)) for place in range(count)}
    return [known[place] for place in sorted(places)]
