"""What each lesion does to the networks of two curricula: one experiment a function, for `brainlib.runs.study`.

Each looks at the two networks of one seed and returns numbers, by condition ("single-head", "multi-head") wherever they
are looked at one by one. The networks themselves are trained once, by `networks.trained`.
"""

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from brainlib import runs
from brainlib.timescales.curricula import from_scratch
from brainlib.timescales.evaluation import RunningTest, accuracy, relative_accuracy, running_test
from brainlib.timescales.lesions import ablated, fastest_and_slowest, perturbed_tau, perturbed_weight
from brainlib.timescales.network import Network
from brainlib.timescales.training import CurriculumConfig, TauSummary, TrainedNetwork, train
from chapters.timescales.networks import trained
from chapters.timescales.probes import fresh_readouts

Networks = Mapping[str, TrainedNetwork]

WEIGHT_STRENGTH, TAU_STRENGTH = (0.215, 0.1)  # of the perturbations that claims T7 and T7b are about
BEYOND = 2  # spans that no readout was trained on


@dataclass(frozen=True)
class Lesions:
    """The configs of both networks, and the sizes of the measurements.

    - `test_sequences` behind one accuracy of `memory`.
    - `lesioned_units`: so many of the fastest units and of the slowest are ablated, one at a time.
    - `weight_strengths`, `tau_strengths` of perturbations, each drawn `perturbations` times.
    - Networks that solved span `retrained_from` are trained on each of `retrained_to` for `retraining_epochs`.
    """

    single_head: CurriculumConfig
    multi_head: CurriculumConfig
    test_sequences: int
    lesioned_units: int
    weight_strengths: tuple[float, ...]
    tau_strengths: tuple[float, ...]
    perturbations: int
    retrained_from: int
    retrained_to: tuple[int, ...]
    retraining_epochs: int

    @property
    def configs(self) -> dict[str, CurriculumConfig]:
        """By condition."""
        return {"single-head": self.single_head, "multi-head": self.multi_head}


@dataclass(frozen=True)
class Unit:
    """One experiment with the networks of one seed: growth, memory, ablation, perturbation or retraining."""

    experiment: str
    settings: Lesions


def lesion(unit: Unit, seed: int, *, device: str, folder: Path | None) -> dict[str, Any]:
    """What an experiment finds."""
    networks = trained(unit.settings.configs, [seed], device, progress=False)
    pair = {condition: one for condition, (one,) in networks.items()}
    if unit.experiment == "retraining":
        return retraining(unit.settings, pair, seed, device, folder)
    return EXPERIMENTS[unit.experiment](unit.settings, pair, seed)


def study(
    settings: Lesions, seeds: Iterable[int], device: str = "auto", *experiments: str
) -> dict[str, list[dict[str, Any]]]:
    """What the experiments (by default all) find for each seed."""
    units = {name: Unit(name, settings) for name in experiments or EXPERIMENTS}
    return runs.study(lesion, units, seeds, device=device)


def growth(settings: Lesions, pair: Networks, seed: int) -> dict[str, Any]:
    """For every span that was solved: the epoch, and the time constants and the weights' norm of the network then."""

    def numbers(network: Network, epoch: int) -> dict[str, float]:
        tau, norm = TauSummary.of(network), float(network.weight.detach().norm())
        return {"epoch": epoch, "tau mean": tau.mean, "tau std": tau.std, "tau largest": tau.largest, "norm": norm}

    grown = {
        condition: {str(span): numbers(one.network_at(span), epoch) for span, epoch in one.solved.items()}
        for condition, one in pair.items()
    }
    return {"seed": seed, "trained on": pair["single-head"].trained_on, "growth": grown}


def memory(settings: Lesions, pair: Networks, seed: int) -> dict[str, Any]:
    """Accuracy on balanced bits at the spans solved earlier, after every span, and of fresh readouts at the end.

    "taught" asks the heads that were trained. "fresh" reads the networks of the longest shared span, and one as it was
    before any training ("untrained"), up to `BEYOND` spans further.
    """
    longest = shared_span(pair)
    taught = {c: remembered(one, settings.test_sequences, _generator(seed, 1)) for c, one in pair.items()}
    readers = {condition: one.network_at(longest) for condition, one in pair.items()}
    readers["untrained"] = pair["multi-head"].untrained()
    spans, task = range(2, longest + BEYOND + 1), settings.single_head.task
    fresh = {name: fresh_readouts(network, task, spans, _generator(seed, 4)) for name, network in readers.items()}
    return _texts({"span": longest, "taught": taught, "fresh": fresh})


def ablation(settings: Lesions, pair: Networks, seed: int) -> dict[str, Any]:
    """Relative accuracy without one of the fastest and without one of the slowest units, span by span; at the longest
    shared span, without each unit, in order of its time constant, together with its accuracy at all spans.
    """
    longest, count = shared_span(pair), settings.lesioned_units
    by_span = {
        condition: {span: fastest_against_slowest(one, span, count) for span in one.solved if span <= longest}
        for condition, one in pair.items()
    }
    units = {condition: every_unit(one, longest) for condition, one in pair.items()}
    return _texts({"span": longest, "by span": by_span, "units": units})


def perturbation(settings: Lesions, pair: Networks, seed: int) -> dict[str, Any]:
    """Relative accuracy, mean over the draws, after perturbations of the networks of the longest shared span.

    "weight" and "tau" hold it by strength, in shares of the network's own norm. "equal" is a push to the weights of the
    same absolute size in all conditions, `WEIGHT_STRENGTH` times the mean of their norms, which "norm" holds.
    """
    longest = shared_span(pair)
    networks = {condition: one.network_at(longest) for condition, one in pair.items()}
    norms = {condition: float(network.weight.detach().norm()) for condition, network in networks.items()}
    size = WEIGHT_STRENGTH * fmean(norms.values())
    outcome: dict[str, Any] = {"span": longest, "norm": norms, "weight": {}, "tau": {}, "equal": {}}
    for condition, network in networks.items():
        generator = _generator(seed, 3)
        test = _test(pair[condition], network, longest, generator)
        baseline = test.accuracy(network)[0]

        def left(push: Callable, strength: float, network=network, test=test, generator=generator, baseline=baseline):
            pushed = (push(network, strength, generator) for _ in range(settings.perturbations))
            return relative_accuracy(fmean(test.accuracy(each)[0] for each in pushed), baseline)

        outcome["weight"][condition] = {s: left(perturbed_weight, s) for s in settings.weight_strengths}
        outcome["tau"][condition] = {s: left(perturbed_tau, s) for s in settings.tau_strengths}
        outcome["equal"][condition] = left(perturbed_weight, size / norms[condition])
    return _texts(outcome)


def retraining(settings: Lesions, pair: Networks, seed: int, device: str, folder: Path | None) -> dict[str, Any]:
    """The accuracy after the last epoch of training on longer spans, one at a time, of the networks as they were when
    they had solved `retrained_from`, or the longest shared span if that is shorter.

    One head goes on being trained: that of the span which the network had solved. A span that passes the test is not
    trained on. (Of the official code for this only the plot is released.)
    """
    begin = min(settings.retrained_from, shared_span(pair))
    outcome: dict[str, Any] = {"from": begin}
    for condition, one in pair.items():
        start, outcome[condition] = (with_first_head(one.network_at(begin), one.config.head_for(begin)), {})
        for span in settings.retrained_to:
            config = replace(
                one.config, curriculum=from_scratch(span), epochs=settings.retraining_epochs, largest_span=span
            )
            place = folder and folder / f"{condition}-{span}"
            after = train(config, seed, device, place, start)
            outcome[condition][str(span)] = after.history[-1].accuracy[0]
    return outcome


EXPERIMENTS: dict[str, Callable] = {f.__name__: f for f in (growth, memory, ablation, perturbation, retraining)}


def shared_span(pair: Networks) -> int:
    """The longest span that all solved. Raises `ValueError`, with what each reached, if that is none."""
    reached = {condition: one.longest for condition, one in pair.items()}
    if min(reached.values()) < 2:
        raise ValueError(f"networks: got some that reached {reached}, expected each to solve a span")
    return min(reached.values())


def remembered(one: TrainedNetwork, sequences: int, generator: torch.Generator) -> dict[int, dict[int, float]]:
    """For each stage that was passed, by its largest span: the accuracy, on balanced bits, for every span trained so
    far, each answered by the head that answered it last."""
    curriculum, heads, found = one.config.curriculum, {}, {}
    for stage, epoch in enumerate(epoch for epoch in one.history if epoch.passed):
        heads |= zip(curriculum.spans(stage), curriculum.heads(stage), strict=True)
        spans, last = sorted(heads), epoch.spans[-1]
        asked = [heads[span] for span in spans]
        found[last] = accuracy(one.network_at(last), one.config.task, spans, asked, sequences, generator, rate=0.5)
    return found


def fastest_against_slowest(one: TrainedNetwork, span: int, count: int) -> dict[str, float]:
    """Mean relative accuracy without one of the `count` fastest units and without one of the slowest."""
    network = one.network_at(span)
    test = _test(one, network, span, _generator(one.seed, 2))
    baseline = test.accuracy(network)[0]
    outcome = {"accuracy": baseline}
    for name, units in zip(("fastest", "slowest"), fastest_and_slowest(network, count), strict=True):
        left = fmean(test.accuracy(ablated(network, unit))[0] for unit in units.tolist())
        outcome |= {name: relative_accuracy(left, baseline), f"tau of the {name}": float(network.tau[units].mean())}
    return outcome


def every_unit(one: TrainedNetwork, longest: int) -> dict[str, Any]:
    """Of all units in order of their time constants; the last column of "without" belongs to the longest span."""
    network = one.network_at(longest)
    spans = [span for span in one.solved if span <= longest]
    if len({one.config.head_for(span) for span in spans}) < len(spans):
        spans = [longest]  # a head answers for the last of its spans only
    heads = [one.config.head_for(span) for span in spans]
    test = running_test(network, one.config.task, spans, heads, _generator(one.seed, 2))
    order = network.tau.argsort(stable=True)
    return {
        "tau": network.tau[order].tolist(),
        "spans": spans,
        "intact": test.accuracy(network),
        "without": [test.accuracy(ablated(network, unit)) for unit in order.tolist()],
    }


@torch.no_grad()
def with_first_head(network: Network, head: int) -> Network:
    """A copy whose first head, which answers a single span, is `head`."""
    network = copy.deepcopy(network)
    for part in (network.readout_weight, network.readout_bias):
        part[0] = part[head].clone()
    return network


@torch.no_grad()
def margins(network: Network, test: RunningTest) -> Tensor:
    """By how much the right answer's logit exceeds the wrong one's, for every answer of the test's first head: negative
    is wrong."""
    no, yes = network.read(test.states(network), test.heads[:1])[0].unbind(-1)
    return ((yes - no) * (2 * test.answers[0] - 1)).flatten()


def _test(one: TrainedNetwork, network: Network, span: int, generator: torch.Generator) -> RunningTest:
    return running_test(network, one.config.task, [span], [one.config.head_for(span)], generator)


def _texts(table: Any) -> Any:
    """Nested tables with the keys that JSON gives them."""
    return {str(key): _texts(inner) for key, inner in table.items()} if isinstance(table, dict) else table


def _generator(seed: int, experiment: int) -> torch.Generator:
    """Random numbers of each experiment's own, so that none depends on which were made before it."""
    return torch.Generator().manual_seed(1000 * experiment + seed)
