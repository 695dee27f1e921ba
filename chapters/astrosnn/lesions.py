"""Lesions: what a trained network still knows after its astrocytes were emptied, or frozen, within a sequence.

A sequence is read up to token t0, the state is changed, and reading goes on. "astrocyte" empties H, "membrane" empties
the membranes instead, as a control, and "frozen" holds H as it is at t0: from then on nothing is written and nothing
decays. (A token's own write is still read by itself, at that token only.)
"""

from collections.abc import Iterable, Sequence
from functools import cache, partial
from statistics import fmean
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from brainlib.astrosnn import AMSUState, AstroSNN, AstroSNNState
from chapters.astrosnn import memory
from chapters.astrosnn.memory_profiles import Plan

LESIONS = ("none", "astrocyte", "membrane", "frozen")
UNIT = "AM-SU"


@cache
def study(plan: Plan, seeds: range, device: str = "auto") -> dict[str, dict[str, Any]]:
    """By seed, what lesions leave of the units that `plan.retention` and `plan.pairs` trained.

    "delay": the longest delay of the training, and for each lesion the accuracies by the place `at` of the lesion (1 is
    just after the cue). "pairs": the most pairs of the training, the lesion in the middle of telling them (`at`), and
    for each lesion the accuracy of every pair. "heads": the time constants of each layer's heads, and the accuracy at
    the longest delay with one of them emptied in all layers (`without`), or all but one (`alone`), before the probe.
    """
    experiments = (plan.retention, plan.pairs)
    networks = [memory.networks(UNIT, experiment, plan.frame, seeds, device) for experiment in experiments]
    return {
        str(seed): {**delay_lesions(one, plan.retention, seed), "pairs": pair_lesions(other, plan.pairs, seed)}
        for seed, one, other in zip(seeds, *networks, strict=True)
    }


def delay_lesions(model: AstroSNN, experiment: memory.Experiment, seed: int) -> dict[str, Any]:
    """The parts "delay" and "heads" of `study`."""
    delay, heads = max(experiment.values), range(model.config.heads)

    def after(at: int, lesion: str, heads: Sequence[int] | None = None) -> float:
        return after_lesion(model, memory.test_batches(experiment, delay, seed), at, lesion, heads)

    places = sorted({1, 2, *(delay * part // 4 for part in (1, 2, 3)), delay, delay + 1})
    return {
        "delay": {"delay": delay, "at": places} | {kind: [after(at, kind) for at in places] for kind in LESIONS},
        "heads": {
            "time_constants": [(1 / (1 - b.mixer.astrocyte.gamma().double())).tolist() for b in model.blocks],
            "without": [after(delay + 1, "astrocyte", [head]) for head in heads],
            "alone": [after(delay + 1, "astrocyte", [other for other in heads if other != head]) for head in heads],
        },
    }


def pair_lesions(model: AstroSNN, experiment: memory.Experiment, seed: int) -> dict[str, Any]:
    """The part "pairs" of `study`."""
    count = max(experiment.values)
    at = count // 2 * 2
    found = {kind: by_pair(model, memory.test_batches(experiment, count, seed), count, at, kind) for kind in LESIONS}
    return {"pairs": count, "at": at} | found


def before_less_after(accuracies: Sequence[float]) -> float:
    """The mean accuracy of the first half of the pairs, told before the lesion, less that of the second half."""
    half = len(accuracies) // 2
    return fmean(accuracies[:half]) - fmean(accuracies[half:])


@torch.no_grad()
def lesioned(
    model: AstroSNN, inputs: Int64[Tensor, "batch time"], at: int, lesion: str, heads: Sequence[int] | None = None
) -> Float[Tensor, "batch after classes"]:
    """The logits from token `at` on, of a network with astrocytes that was lesioned before it; the first token is 0.

    "astrocyte" empties all of H, or only the given `heads`.
    """
    inputs = inputs.to(model.readout.weight.device)
    _, _, state = model(inputs[:, :at])
    if lesion == "astrocyte":
        state = emptied(state, "memory", heads)
    if lesion == "membrane":
        state = emptied(state, "membrane")
    if lesion != "frozen":
        return model(inputs[:, at:], state=state, return_state=False)[0]
    held, logits = [block.mixer.memory for block in state.blocks], []
    for token in inputs[:, at:].unbind(1):
        answer, state = model.step(token, state)
        units = zip(state.blocks, held, strict=True)
        state = with_units(state, [block.mixer._replace(memory=memory) for block, memory in units])
        logits.append(answer)
    return torch.stack(logits, 1)


def emptied(state: AstroSNNState, part: str, heads: Sequence[int] | None = None) -> AstroSNNState:
    """The state with its "memory" or "membrane" set to zero, in all layers; only of the given `heads`, if any."""
    changed = []
    for block in state.blocks:
        values = getattr(block.mixer, part).clone()
        values[:, slice(None) if heads is None else heads] = 0
        changed.append(block.mixer._replace(**{part: values}))
    return with_units(state, changed)


def after_lesion(
    model: AstroSNN, batches: Iterable[tuple[Tensor, Tensor]], at: int, lesion: str, heads: Sequence[int] | None = None
) -> float:
    """The share of right answers, all of them after the lesion."""
    return memory.accuracy(partial(lesioned, model, at=at, lesion=lesion, heads=heads), batches)


def by_pair(model: AstroSNN, batches: Iterable[tuple[Tensor, Tensor]], pairs: int, at: int, lesion: str) -> list[float]:
    """For each of the `pairs` of associative recall, in the order in which they were told, the share of right answers
    to its query."""
    right, total = torch.zeros(pairs), 0
    for tokens, targets in batches:
        given = lesioned(model, tokens, at, lesion)[:, -pairs:].argmax(-1).cpu() == targets[:, -pairs:]
        told = tokens[:, : 2 * pairs : 2, None] == tokens[:, None, -pairs:]  # [batch, pair, query]
        right += (told & given[:, None]).any(2).sum(0)
        total += len(tokens)
    return (right / total).tolist()


def with_units(state: AstroSNNState, units: Sequence[AMSUState]) -> AstroSNNState:
    blocks = zip(state.blocks, units, strict=True)
    return state._replace(blocks=tuple(block._replace(mixer=unit) for block, unit in blocks))
