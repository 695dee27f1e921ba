"""Does wiring follow the distance between electrodes, and which wiring follows it best?

Two retinas, each cut into blocks of time that know nothing of one another. In every block anew: which neurons fire
enough, the weight of the L1 penalty and the mean strength of the one-hot prior, chosen on the block's last quarter, and
the wirings. Blocks are of one animal: an interval over them says nothing of other animals.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64
from scipy.stats import spearmanr
from torch import Tensor

from brainlib.arguments import seeded
from brainlib.brainstates.design import design
from brainlib.brainstates.evaluation import marginal_log_likelihood
from brainlib.data import WAVES, Trials, waves
from brainlib.runs import study
from chapters.brainstates.correlograms import cross_correlogram
from chapters.brainstates.rivals import EMISSION, L1, ONE_HOT, start, wiring

RETINAS = dict(zip(("wild type", "no beta-2"), WAVES, strict=True))
RAW = "correlation of counts"
PIECE_S = 10.0
START_L1 = 10.0  # the penalty of the model from which all start: without one, weights of quiet neurons run off
LEAST_HZ = 0.05  # neurons that fire less are left out: their weights would have no bounds
TUNING = 4  # the last such share of a block chooses
GRIDS = {L1: (3.0, 9.0, 27.0, 81.0), ONE_HOT: (0.00014, 0.001, 0.007, 0.05)}  # as in `rivals`; bins are longer here


@dataclass(frozen=True)
class Plan:
    """What a profile runs: bins; `blocks` of time of each retina, how many of them are read, and `neurons` in each at
    most; `iterations` of EM.
    """

    bin_ms: float = 200.0
    blocks: int = 5
    read: int = 5
    neurons: int = 48  # as many as the wild type has
    iterations: int = 30


PLANS = {"ci": Plan(250.0, read=2, neurons=14, iterations=10), "laptop": Plan(), "paper": Plan(100.0, neurons=100)}


def read(name: str, plan: Plan, block: int) -> tuple[Trials, Float64[Tensor, "neurons 2"]]:
    """Pieces of a block of a recording, and the places of its neurons: of those that fire, some all over the list."""
    recording = waves(RETINAS[name])
    counts = recording.trials(plan.bin_ms).counts[0].tensor_split(plan.blocks)[block]
    often = (counts.double().mean(0) >= LEAST_HZ * plan.bin_ms / 1000).nonzero()[:, 0]
    often = often[torch.linspace(0, len(often) - 1, min(plan.neurons, len(often))).long()]
    pieces = Trials.from_sequences([counts[:, often]], plan.bin_ms).cut(round(PIECE_S * 1000 / plan.bin_ms))
    return pieces, recording.positions_um[often]


def follow(settings: tuple[str, Plan, int], seed: int, *, device: str = "cpu", folder: Path | None = None) -> dict:
    """In one block: by wiring, Spearman's coefficient with distance (`spearman`), and with the distances of electrodes
    that changed places at random (`shuffled`); `chosen`, and how many `electrodes` there are.
    """
    name, plan, block = settings
    trials, positions = read(name, plan, block)
    held = len(trials) - max(1, len(trials) // TUNING)
    seen, unseen = trials.pick(range(held)), design(trials).pick(range(held, len(trials)))
    scout, begin = (start(None, START_L1, design(part), plan.iterations, seed) for part in (seen, trials))

    def told(method: str, value: float) -> float:
        parameters = wiring(method, value, seen, scout, plan.iterations).parameters
        return float(marginal_log_likelihood(parameters, unseen, EMISSION).sum())

    chosen = {method: max(GRIDS[method], key=lambda value: told(method, value)) for method in (L1, ONE_HOT)}
    wirings = {m: wiring(m, value, trials, begin, plan.iterations).signed for m, value in chosen.items()}
    wirings[RAW] = cross_correlogram(trials, 0)[0]
    merged = {each: by_electrode(one, positions) for each, one in wirings.items()}
    places = merged[RAW][1]
    order = torch.randperm(len(places), generator=seeded(1000 * seed + block))
    found: dict[str, Any] = {"chosen": chosen, "electrodes": len(places)}
    for kind, where in (("spearman", places), ("shuffled", places[order])):
        found[kind] = {each: with_distance(one, where) for each, (one, _) in merged.items()}
    return found


def by_electrode(
    wiring: Float[Tensor, "neurons neurons"], positions_um: Float[Tensor, "places 2"]
) -> tuple[Float64[Tensor, "electrodes electrodes"], Float64[Tensor, "electrodes 2"]]:
    """The mean wiring between the neurons of any two electrodes, both directions together, and where these lie.

    Distance has no direction, and one electrode's neurons have no distance: their pairs end on the diagonal, which no
    measure looks at.
    """
    places, electrode = positions_um.double().unique(dim=0, return_inverse=True)
    share = torch.nn.functional.one_hot(electrode, len(places)).double()
    share = share / share.sum(0)  # [N, E]
    return share.T @ (wiring.double() + wiring.double().T) @ share / 2, places


def with_distance(
    wiring: Float64[Tensor, "electrodes electrodes"], positions_um: Float64[Tensor, "electrodes 2"]
) -> float:
    """Spearman's coefficient over pairs of electrodes."""
    one, other = np.triu_indices(len(wiring), 1)
    distance = (positions_um[one] - positions_um[other]).norm(dim=-1)
    return float(spearmanr(wiring[one, other], distance).statistic)


def anatomies(profile: str, seed: int) -> dict[str, list[dict[str, Any]]]:
    """By retina, what `follow` finds in each block."""
    plan = PLANS[profile]
    conditions = {f"{name}, block {b}": (name, plan, b) for name in RETINAS for b in range(plan.read)}
    found = study(follow, conditions, [seed], device="cpu")
    return {name: [found[f"{name}, block {b}"][0] for b in range(plan.read)] for name in RETINAS}


def lead(block: dict[str, dict[str, float]], kind: str = "spearman") -> float:
    """By how much the one-hot prior falls more closely with distance than the better of its two rivals."""
    return min(block[kind][RAW], block[kind][L1]) - block[kind][ONE_HOT]
