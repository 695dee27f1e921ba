"""What each lesion does to the networks of two curricula: one experiment a function, for `brainlib.runs.study`.

Each looks at the networks of one seed and returns numbers, by condition ("single-head", "multi-head") wherever they are
looked at one by one. The networks themselves are trained once, by `networks.trained`. What an experiment measures is a
function of `Subject`s, so that networks which were trained elsewhere can be measured alike.
"""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
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
from brainlib.timescales.model import LeakyRNN
from brainlib.timescales.network import Network
from brainlib.timescales.tasks import Task
from brainlib.timescales.training import CurriculumConfig, TauSummary, TrainedNetwork, train
from chapters.timescales.networks import CONDITIONS, MULTI, trained
from chapters.timescales.probes import fresh_readouts, radius, weight_mean

Networks = Mapping[str, TrainedNetwork]

BEYOND = 2  # spans that no readout was trained on
PUSHES: dict[str, Callable] = {"weight": perturbed_weight, "tau": perturbed_tau}


@dataclass(frozen=True)
class Lesions:
    """The sizes of the measurements.

    - `test_sequences` behind one accuracy of `memory`.
    - `lesioned_units`: so many of the fastest units, of the slowest, and of two random groups are ablated, one at a
      time.
    - `weight_strengths`, `tau_strengths` of perturbations, each drawn `perturbations` times.
    - Networks that solved span `retrained_from` are trained on each of `retrained_to` for `retraining_epochs`.
    """

    test_sequences: int
    lesioned_units: int
    weight_strengths: tuple[float, ...]
    tau_strengths: tuple[float, ...]
    perturbations: int
    retrained_from: int
    retrained_to: tuple[int, ...]
    retraining_epochs: int

    @property
    def strengths(self) -> dict[str, tuple[float, ...]]:
        """By what is perturbed."""
        return {"weight": self.weight_strengths, "tau": self.tau_strengths}


@dataclass(frozen=True)
class Subject:
    """A network, and the head that answers for each of the spans it knows; it is tested on the longest."""

    network: LeakyRNN
    heads: Mapping[int, int]
    task: Task = "parity"

    @classmethod
    def of(cls, one: TrainedNetwork, span: int) -> "Subject":
        """A network as it was when it had solved `span`: with all spans up to there if each has a head of its own."""
        heads = {each: one.config.head_for(each) for each in one.solved if each <= span}
        if len(set(heads.values())) < len(heads):
            heads = {span: heads[span]}  # a head answers for the last of its spans only
        return cls(one.network_at(span), heads, one.config.task)

    @property
    def span(self) -> int:
        return max(self.heads)

    def test(self, generator: torch.Generator, spans: Sequence[int] = ()) -> RunningTest:
        """Of these spans, by default the longest."""
        spans = spans or [self.span]
        return running_test(self.network, self.task, spans, [self.heads[span] for span in spans], generator)


@dataclass(frozen=True)
class Unit:
    """One experiment with the networks of one seed: growth, memory, ablation, perturbation or retraining."""

    experiment: str
    networks: Mapping[str, CurriculumConfig]
    settings: Lesions


def lesion(unit: Unit, seed: int, *, device: str, folder: Path | None) -> dict[str, Any]:
    """What an experiment finds."""
    found = trained(unit.networks, [seed], device, progress=False)
    networks = {condition: one for condition, (one,) in found.items()}
    if unit.experiment == "retraining":
        return retraining(unit.settings, networks, seed, device, folder)
    return texts(EXPERIMENTS[unit.experiment](unit.settings, networks, seed))


def study(
    settings: Lesions,
    networks: Mapping[str, CurriculumConfig],
    seeds: Iterable[int],
    device: str = "auto",
    *experiments: str,
) -> dict[str, list[dict[str, Any]]]:
    """What the experiments (by default all) find for each seed."""
    units = {name: Unit(name, networks, settings) for name in experiments or EXPERIMENTS}
    return runs.study(lesion, units, seeds, device=device)


def growth(settings: Lesions, networks: Networks, seed: int) -> dict[str, Any]:
    """For every span that was solved: the epoch, and the time constants and the weights of the network then. "span" is
    the longest shared one."""

    def numbers(network: Network, epoch: int) -> dict[str, float]:
        tau, norm = TauSummary.of(network), float(network.weight.detach().norm())
        found = {"epoch": epoch, "tau mean": tau.mean, "tau std": tau.std, "tau largest": tau.largest, "norm": norm}
        return found | {"radius": radius(network), "weight mean": weight_mean(network)}

    grown = {
        condition: {span: numbers(one.network_at(span), epoch) for span, epoch in one.solved.items()}
        for condition, one in pair(networks).items()
    }
    trained_on = next(iter(networks.values())).trained_on
    return {"seed": seed, "trained on": trained_on, "span": shared_span(pair(networks)), "growth": grown}


def memory(settings: Lesions, networks: Networks, seed: int) -> dict[str, Any]:
    """Accuracy on balanced bits at the spans solved earlier, after every span, and of fresh readouts at the end.

    "taught" asks the heads that were trained. "fresh" reads the networks of the longest shared span, and one as it was
    before any training ("untrained").
    """
    two = pair(networks)
    longest = shared_span(two)
    taught = {c: remembered(one, settings.test_sequences, _generator(seed, 1)) for c, one in two.items()}
    readers = {condition: one.network_at(longest) for condition, one in two.items()}
    readers["untrained"] = two[MULTI].untrained()
    return {"span": longest, "taught": taught, "fresh": read_anew(readers, longest, seed)}


def read_anew(networks: Mapping[str, Network], longest: int, seed: int) -> dict[str, dict[int, float]]:
    """What fresh readouts find in the states of networks for parity, up to `BEYOND` spans further than `longest`."""
    spans = range(2, longest + BEYOND + 1)
    return {name: fresh_readouts(network, "parity", spans, _generator(seed, 4)) for name, network in networks.items()}


def ablation(settings: Lesions, networks: Networks, seed: int) -> dict[str, Any]:
    """Relative accuracy without one unit of four groups (`without_one`), span by span up to the longest shared one;
    there also without each unit, in order of its time constant, together with its accuracy at all spans.

    "all" is the same at the longest span that all networks solved, the sliding window's too.
    """
    two, count = pair(networks), settings.lesioned_units
    longest, common = shared_span(two), shared_span(networks)

    def at(one: TrainedNetwork, span: int) -> dict[str, float]:
        return without_one(Subject.of(one, span), count, seed)

    return {
        "span": longest,
        "by span": {c: {span: at(one, span) for span in one.solved if span <= longest} for c, one in two.items()},
        "units": {c: every_unit(Subject.of(one, longest), seed) for c, one in two.items()},
        "all": {"span": common} | {c: at(one, common) for c, one in networks.items()},
    }


def perturbation(settings: Lesions, networks: Networks, seed: int) -> dict[str, Any]:
    """Relative accuracy after perturbations of the networks of the longest shared span (`pushed`)."""
    longest = shared_span(pair(networks))
    subjects = {condition: Subject.of(one, longest) for condition, one in pair(networks).items()}
    return {"span": longest} | pushed(subjects, settings, seed)


def pushed(subjects: Mapping[str, Subject], settings: Lesions, seed: int) -> dict[str, Any]:
    """Relative accuracy, mean over the draws, by what is perturbed ("weight" or "tau"), condition and strength.

    "own": in shares of the network's own norm. "equal": a push of the same absolute size in all conditions, the
    strength times the mean of their norms, which "norm" holds. All conditions read the same bits and are pushed the
    same ways.
    """
    norms = {
        "weight": {condition: float(one.network.weight.detach().norm()) for condition, one in subjects.items()},
        "tau": {condition: float(one.network.tau.norm()) for condition, one in subjects.items()},
    }
    outcome: dict[str, Any] = {"norm": norms, "own": {}, "equal": {}}
    for what, push in PUSHES.items():
        size = fmean(norms[what].values())
        for condition, one in subjects.items():
            generator = _generator(seed, 3)
            test = one.test(generator)
            (baseline,) = test.accuracy(one.network)
            for kind, scale in (("own", 1.0), ("equal", size / norms[what][condition])):
                left = outcome[kind].setdefault(what, {})[condition] = {}
                for strength in settings.strengths[what]:
                    draws = (push(one.network, scale * strength, generator) for _ in range(settings.perturbations))
                    left[strength] = relative_accuracy(fmean(test.accuracy(each)[0] for each in draws), baseline)
    return outcome


def retraining(settings: Lesions, networks: Networks, seed: int, device: str, folder: Path | None) -> dict[str, Any]:
    """The accuracy on balanced bits after the last epoch of training on longer spans, one at a time, of the networks as
    they were when they had solved `retrained_from`, or the longest shared span if that is shorter.

    One head goes on being trained: that of the span which the network had solved. A span that passes the test is not
    trained on. (Of the official code for this only the plot is released.)
    """
    two = pair(networks)
    begin = min(settings.retrained_from, shared_span(two))
    outcome: dict[str, Any] = {"from": begin}
    for condition, one in two.items():
        start, outcome[condition] = (with_first_head(one.network_at(begin), one.config.head_for(begin)), {})
        for span in settings.retrained_to:
            epochs = settings.retraining_epochs
            config = replace(one.config, curriculum=from_scratch(span), epochs=epochs, largest_span=span)
            place = folder and folder / f"{condition}-{span}"
            after = train(config, seed, device, place, start).network
            generator = _generator(seed, 5)
            outcome[condition][str(span)] = balanced(after, span, 0, settings.test_sequences, generator)
    return outcome


EXPERIMENTS: dict[str, Callable] = {f.__name__: f for f in (growth, memory, ablation, perturbation, retraining)}


def pair(networks: Networks) -> dict[str, TrainedNetwork]:
    """The two main ones."""
    return {condition: networks[condition] for condition in CONDITIONS}


def shared_span(networks: Networks) -> int:
    """The longest span that all solved. Raises `ValueError`, with what each reached, if that is none."""
    reached = {condition: one.longest for condition, one in networks.items()}
    shared = set.intersection(*(set(one.solved) for one in networks.values()))
    if not shared:
        raise ValueError(f"networks: got some that reached {reached}, expected each to solve a span")
    return max(shared)


def balanced(network: Network, span: int, head: int, sequences: int, generator: torch.Generator) -> float:
    """Accuracy on parity with bits that are 1 half of the time, where guessing gets one half for every span."""
    return accuracy(network, "parity", [span], [head], sequences, generator, rate=0.5)[span]


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


def without_one(subject: Subject, count: int, seed: int) -> dict[str, float]:
    """Mean relative accuracy without one of the `count` fastest units, of the slowest, and of two random groups that
    share no unit ("random", "others")."""
    generator, network = _generator(seed, 2), subject.network
    test = subject.test(generator)
    (baseline,) = test.accuracy(network)
    fastest, slowest = fastest_and_slowest(network, count)
    random, others = torch.randperm(network.units, generator=generator)[: 2 * count].split(count)
    outcome = {"accuracy": baseline}
    for name, units in {"fastest": fastest, "slowest": slowest, "random": random, "others": others}.items():
        left = fmean(test.accuracy(ablated(network, unit))[0] for unit in units.tolist())
        outcome |= {name: relative_accuracy(left, baseline), f"tau of the {name}": float(network.tau[units].mean())}
    return outcome


def every_unit(subject: Subject, seed: int) -> dict[str, Any]:
    """Of all units in order of their time constants; the last column of "without" belongs to the longest span."""
    network, spans = subject.network, list(subject.heads)
    test = subject.test(_generator(seed, 2), spans)
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


def texts(table: Any) -> Any:
    """Nested tables with the keys that JSON gives them."""
    return {str(key): texts(inner) for key, inner in table.items()} if isinstance(table, dict) else table


def _generator(seed: int, experiment: int) -> torch.Generator:
    """Random numbers of each experiment's own, so that none depends on which were made before it."""
    return torch.Generator().manual_seed(1000 * experiment + seed)
