"""Lesions: what a trained network still knows after its astrocytes were emptied, or frozen, within a sequence.

A sequence is read up to token t0, the state is changed, and reading goes on. "astrocyte" empties H, "membrane" empties
the membranes instead, as a control, and "frozen" holds H as it is at t0: from then on nothing is written and nothing
decays. (A token's own write is still read by itself, at that token only.)
"""

from collections.abc import Iterable, Sequence
from functools import cache
from statistics import fmean
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from brainlib.astrosnn import AMSUState, AstroSNN, AstroSNNState
from chapters.astrosnn import memory
from chapters.astrosnn.memory_profiles import Plan
from chapters.astrosnn.tasks import IGNORED

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
    delay, count = max(experiment.values), model.config.heads

    def after(at: int, lesion: str, heads: Sequence[int] | None = None) -> float:
        return after_lesion(model, memory.test_batches(experiment, delay, seed), at, lesion, heads)

    places = sorted({1, 2, *(delay * part // 4 for part in (1, 2, 3)), delay, delay + 1})
    others = [[other for other in range(count) if other != head] for head in range(count)]
    return {
        "delay": {"delay": delay, "at": places} | {kind: [after(at, kind) for at in places] for kind in LESIONS},
        "heads": {
            "time_constants": [(1 / (1 - b.mixer.astrocyte.gamma().double())).tolist() for b in model.blocks],
            "without": [after(delay + 1, "astrocyte", [head]) for head in range(count)],
            "alone": [after(delay + 1, "astrocyte", heads) for heads in others],
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


def emptied(state: AstroSNNState, part: str, heads: Sequence[int] | None = None) -> AstroSNNState:
    """The state with its "astrocyte" or "membrane" set to zero, in all layers; of H only the given `heads`, if any.

    Raises `ValueError` for another part, and for a state without it.
    """
    if part not in ("astrocyte", "membrane"):
        raise ValueError(f"part: got {part!r}, expected astrocyte or membrane")
    changed = []
    for unit in units(state):
        if part == "membrane":
            changed.append(unit._replace(membrane=torch.zeros_like(unit.membrane)))
        elif heads is None:
            changed.append(unit._replace(memory=torch.zeros_like(unit.memory)))
        else:
            places = torch.tensor(heads, device=unit.memory.device)
            changed.append(unit._replace(memory=unit.memory.index_fill(1, places, 0)))
    return with_units(state, changed)


@torch.no_grad()
def lesioned(
    model: AstroSNN, inputs: Int64[Tensor, "batch time"], at: int, lesion: str, heads: Sequence[int] | None = None
) -> Float[Tensor, "batch after classes"]:
    """The logits from token `at` on, of a network that was lesioned before it; the first token is 0.

    Raises `ValueError` for an unknown lesion, a place outside the sequence, and a network without astrocytes.
    """
    if lesion not in LESIONS:
        raise ValueError(f"lesion: got {lesion!r}, expected one of {', '.join(LESIONS)}")
    if not 0 < at < inputs.shape[1]:
        raise ValueError(f"at: got {at}, expected 1 to {inputs.shape[1] - 1}, within the sequence")
    inputs = inputs.to(model.readout.weight.device)
    _, _, state = model(inputs[:, :at])
    held = [unit.memory for unit in units(state)]
    if lesion != "frozen":
        state = state if lesion == "none" else emptied(state, lesion, heads)
        return model(inputs[:, at:], state=state, return_state=False)[0]
    logits = []
    for token in inputs[:, at:].unbind(1):
        answer, state = model.step(token, state)
        state = with_units(state, [u._replace(memory=memory) for u, memory in zip(units(state), held, strict=True)])
        logits.append(answer)
    return torch.stack(logits, 1)


def after_lesion(
    model: AstroSNN, batches: Iterable[tuple[Tensor, Tensor]], at: int, lesion: str, heads: Sequence[int] | None = None
) -> float:
    """The share of right answers, all of them after the lesion. Raises as `lesioned`."""
    right = total = 0
    for inputs, targets in batches:
        places = targets != IGNORED
        if bool(places[:, :at].any()):
            raise ValueError(f"at: got {at}, expected a place before the first question")
        given = lesioned(model, inputs, at, lesion, heads).argmax(-1).cpu()
        right += int((given == targets[:, at:])[places[:, at:]].sum())
        total += int(places.sum())
    return right / total


def by_pair(model: AstroSNN, batches: Iterable[tuple[Tensor, Tensor]], pairs: int, at: int, lesion: str) -> list[float]:
    """For each of the `pairs` of associative recall, in the order in which they were told, the share of right answers
    to its query. Raises as `lesioned`."""
    right, total = torch.zeros(pairs), 0
    for tokens, targets in batches:
        given = lesioned(model, tokens, at, lesion)[:, -pairs:].argmax(-1).cpu() == targets[:, -pairs:]
        told = tokens[:, : 2 * pairs : 2, None] == tokens[:, None, -pairs:]  # [batch, pair, query]
        right += (told & given[:, None]).any(2).sum(0)
        total += len(tokens)
    return (right / total).tolist()


def units(state: AstroSNNState) -> list[AMSUState]:
    """The states of the units with an astrocyte, layer by layer. Raises `ValueError` if there is none."""
    found = [block.mixer for block in state.blocks]
    if any(not isinstance(unit, AMSUState) or unit.memory is None for unit in found):
        raise ValueError("model: has no astrocytes, expected one of AM-SUs with a memory")
    return found


def with_units(state: AstroSNNState, changed: Sequence[AMSUState]) -> AstroSNNState:
    blocks = zip(state.blocks, changed, strict=True)
    return state._replace(blocks=tuple(block._replace(mixer=unit) for block, unit in blocks))
