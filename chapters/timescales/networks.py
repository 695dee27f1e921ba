"""The networks of chapters 2 and 3, trained once for each condition and seed, and what simulations tell of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from brainlib import runs
from brainlib.timescales.activity import activity
from brainlib.timescales.training import CurriculumConfig, TrainedNetwork, train


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
    """`rows` of tau_net and dimensionality by span."""
    ((network,),) = trained({"network": settings.config}, [seed], device, progress=False).values()
    rows = []
    for span in milestones(network.solved, settings.snapshots):
        bits = torch.Generator().manual_seed(settings.bits_seed)
        found = activity(network.network_at(span), bits, settings.length, settings.trials)
        row = {"seed": seed, "span": span, "mean": found.tau_net.mean, "median": found.tau_net.median}
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
