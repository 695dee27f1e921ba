"""The authors' networks: what their repository tells of them (`official.toml`), and what our measures say of them.

The files carry no licence: they are measured where the data doors lead to them, and are never part of this project.
"""

import tomllib
from pathlib import Path
from typing import Any

import torch

from brainlib import runs
from brainlib.backend import resolve_device
from brainlib.data.doors import locate, missing
from brainlib.timescales.activity import activity
from brainlib.timescales.model import LeakyRNN
from chapters.timescales import lesions
from chapters.timescales.lesions import Lesions, Subject
from chapters.timescales.networks import CONDITIONS, MULTI, SINGLE, WINDOW
from chapters.timescales.probes import radius, weight_mean

OFFICIAL = tomllib.loads(Path(__file__).with_name("official.toml").read_text())
NUMBERS = "tau mean", "tau std", "tau largest", "weight mean", "radius"  # of a network in `OFFICIAL`
SPAN = 11  # of the files below, all of one training seed
FILES = {SINGLE: "single_head_N11", MULTI: "multi_head_N2_N11", WINDOW: "sliding_N2_N11"}


def summary(network: LeakyRNN) -> dict[str, float]:
    """Mean, standard deviation and maximum of the time constants in bits, the mean weight between two different units,
    and the spectral radius of the weights."""
    tau = network.tau.double()
    numbers = tau.mean(), tau.std(), tau.max(), weight_mean(network), radius(network)
    return dict(zip(NUMBERS, map(float, numbers), strict=True))


def networks(device: str = "cpu") -> dict[str, Subject]:
    """The authors' networks by condition. Raises `DataUnavailable` where no door leads to them."""
    found = {}
    for condition, name in FILES.items():
        path = locate(f"timescales_networks/{name}").path
        weights = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
        heads = {SPAN: 0} if condition == SINGLE else {span: span - 2 for span in range(2, SPAN + 1)}
        found[condition] = Subject(LeakyRNN.from_official(weights).to(resolve_device(device)).eval(), heads)
    return found


def measured(settings: Lesions, seed: int, *, device: str, folder: Path | None) -> dict[str, Any]:
    """What chapter 3's experiments and tau_net say of the authors' networks, as they are written for ours."""
    found = networks(device)
    pair = {condition: found[condition] for condition in CONDITIONS}
    ends = {condition: lesions.without_one(one, settings.lesioned_units, seed) for condition, one in found.items()}
    recordings: dict[str, list[list[dict[str, float]]]] = {}
    for condition, one in pair.items():
        states = activity(one.network, torch.Generator().manual_seed(seed), length=10_000, trials=10)
        row = {"span": SPAN, "mean": states.tau_net.mean, "median": states.tau_net.median}
        recordings[condition] = [[row | {"share": states.tau_net.share, "dimensions": states.dimensions}]]
    content = {
        "growth": {"growth": {condition: {SPAN: summary(one.network)} for condition, one in pair.items()}},
        "memory": {"fresh": lesions.read_anew({c: one.network for c, one in pair.items()}, SPAN, seed)},
        "ablation": {"by span": {condition: {SPAN: left} for condition, left in ends.items()}, "all": ends},
        "perturbation": lesions.pushed(pair, settings, seed),
    }
    return lesions.texts({name: {"span": SPAN} | one for name, one in content.items()} | {"recordings": recordings})


def study(settings: Lesions, device: str = "auto") -> dict[str, Any] | None:
    """`measured` once; None where the networks cannot be had."""
    if missing(f"timescales_networks/{name}" for name in FILES.values()):
        return None
    return runs.study(measured, {"the authors' networks": settings}, [0], device=device)["the authors' networks"][0]


def known(settings: Lesions, profile: str, device: str = "auto") -> tuple[dict[str, Any] | None, str]:
    """What is measured of the authors' networks where they can be had, from the laptop profile up; else what is
    recorded of them. In words, which of the two it is."""
    kept = [dict(run.content) for run in runs.kept("released")]
    if (profile != "ci" or not kept) and (own := study(settings, device)):
        return own, "The authors' networks are at hand, and were measured in this run."
    if kept:
        return kept[-1], "The authors' networks are shown as they were measured once and recorded, not by this run."
    return None, "The authors' networks are not at hand, and nothing of them is recorded: their columns are missing."
