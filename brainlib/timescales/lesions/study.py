"""The experiments of chapters/timescales/03_lesions.ipynb: what each lesion does to the networks of two curricula.

Every function takes the reports of one seed by condition, "single-head" and "multi-head", and returns plain JSON for
`brainlib.runs.keep`, by condition wherever the networks are looked at one by one.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from brainlib.timescales.experiments import Experiment
from brainlib.timescales.lesions.ablation import ablated, ablation, fastest_and_slowest
from brainlib.timescales.lesions.forgetting import forgetting
from brainlib.timescales.lesions.perturbation import perturbation
from brainlib.timescales.lesions.readout import fresh_readouts, shared_tests
from brainlib.timescales.lesions.retraining import retraining
from brainlib.timescales.model import LeakyRNN
from brainlib.timescales.report import Report
from brainlib.timescales.school import School
from brainlib.timescales.testing import RunningTest, relative_accuracy, running_test

Reports = Mapping[str, Report]

WEIGHT_STRENGTH, TAU_STRENGTH = 0.215, 0.1  # of the pushes that claims T7 and T7b are about
BEYOND = 2  # spans that no readout was taught


def shared_span(reports: Reports) -> int:
    """The longest span that all solved. Raises `ValueError`, with what each reached, if that is none."""
    reached = {condition: report.longest for condition, report in reports.items()}
    if min(reached.values()) < 2:
        raise ValueError(f"reports: got networks that reached {reached}, expected each to solve a span")
    return min(reached.values())


def head_for(school: School, span: int) -> int:
    """The head that answers for `span` when it is the largest of a stage."""
    stage = 0
    while (spans := school.curriculum.spans(stage))[-1] < span:
        stage += 1
    return school.curriculum.heads(stage)[spans.index(span)]


def growth(reports: Reports) -> dict[str, Any]:
    """For every span that was solved: the epoch, and the time constants and the weights' norm of the network then."""
    return {
        condition: {
            str(span): {
                "epoch": epoch,
                "tau mean": float(network.tau.mean()),
                "tau std": float(network.tau.std(correction=0)),
                "tau largest": float(network.tau.max()),
                "norm": float(network.weight.detach().norm()),
            }
            for span, epoch in report.solved.items()
            for network in [report.network_at(span)]
        }
        for condition, report in reports.items()
    }


def memory(experiment: Experiment, reports: Reports) -> dict[str, Any]:
    """Accuracy on balanced bits at the spans solved earlier, after every span, and of fresh readouts at the end.

    "taught" is `forgetting`. "fresh" reads the networks of the longest shared span, and one as it was before any
    training ("untrained"), up to `BEYOND` spans further.
    """
    longest = shared_span(reports)
    outcome: dict[str, Any] = {"span": longest, "taught": {}, "fresh": {}}
    readers = {condition: report.network_at(longest) for condition, report in reports.items()}
    for condition, report in reports.items():
        school = experiment.lesioned[condition]
        taught = forgetting(report, school, experiment.test_sequences, _generator(report, 1))
        outcome["taught"][condition] = _keys_as_text(taught)
        readers["untrained"] = school.new_network(torch.Generator().manual_seed(report.seed)).to(
            report.network.weight.device
        )
    for name, network in readers.items():
        generator = _generator(report, 4)
        found = fresh_readouts(network, school.task, range(2, longest + BEYOND + 1), generator)
        outcome["fresh"][name] = _keys_as_text(found)
    return outcome


def losses(experiment: Experiment, reports: Reports) -> dict[str, Any]:
    """Relative accuracy without one of the fastest and without one of the slowest units, span by span; at the longest
    shared span, without each unit, in order of its time constant, together with its accuracy at all spans.
    """
    longest = shared_span(reports)
    outcome: dict[str, Any] = {"span": longest, "by span": {}, "units": {}}
    for condition, report in reports.items():
        school = experiment.lesioned[condition]
        outcome["by span"][condition] = {
            str(span): _ends(experiment, report, school, span) for span in report.solved if span <= longest
        }
        outcome["units"][condition] = every_unit(report, school, longest)
    return outcome


def pushes(experiment: Experiment, reports: Reports) -> dict[str, Any]:
    """Relative accuracy, mean over the draws, after pushes to the networks of the longest shared span.

    "weight" and "tau" hold it by strength, in shares of the network's own norm. "equal" is a push to the weights of the
    same absolute size in all conditions, `WEIGHT_STRENGTH` times the mean of their norms, which "norm" holds.
    """
    longest = shared_span(reports)
    networks = {condition: report.network_at(longest) for condition, report in reports.items()}
    norms = {condition: float(network.weight.detach().norm()) for condition, network in networks.items()}
    size = WEIGHT_STRENGTH * sum(norms.values()) / len(norms)
    outcome: dict[str, Any] = {"span": longest, "norm": norms, "weight": {}, "tau": {}, "equal": {}}
    for condition, network in networks.items():
        generator, draws = _generator(reports[condition], 3), experiment.perturbations
        test = _test(network, experiment.lesioned[condition], longest, generator)
        strengths = {"weight": experiment.weight_strengths, "tau": experiment.tau_strengths}
        for what in ("weight", "tau"):
            accuracies = perturbation(network, what, strengths[what], draws, test, generator)
            outcome[what][condition] = {
                str(strength): _relative(network, test, accuracy)
                for strength, accuracy in zip(strengths[what], accuracies.mean(1), strict=True)
            }
        accuracies = perturbation(network, "weight", [size / norms[condition]], draws, test, generator)
        outcome["equal"][condition] = _relative(network, test, accuracies.mean())
    return outcome


def schooling_again(
    experiment: Experiment, reports: Reports, device: str = "auto", folder: Path | None = None
) -> dict[str, Any]:
    """The accuracy after the last epoch of teaching longer spans, one at a time, to the networks as they were when they
    had solved `experiment.retrained_from`, or the longest shared span if that is shorter; resumable from `folder`."""
    begin = min(experiment.retrained_from, shared_span(reports))
    outcome: dict[str, Any] = {"from": begin}
    for condition, report in reports.items():
        school = experiment.lesioned[condition]
        network, head = report.network_at(begin), head_for(school, begin)
        place = folder and folder / f"retraining-{condition}-{report.seed}"
        plan = experiment.retrained_to, experiment.retraining_epochs
        accuracies = retraining(network, head, school, *plan, report.seed, device, place)
        outcome[condition] = {str(span): epochs[-1] for span, epochs in accuracies.items()}
    return outcome


@torch.no_grad()
def margins(network: LeakyRNN, test: RunningTest) -> Tensor:
    """By how much the right answer's logit exceeds the wrong one's, for every answer of the test: negative is wrong."""
    states = network.states(test.bits, test.h0)[-len(test.answers) :]
    no, yes = network.read(states, [test.head])[0].unbind(-1)
    return ((yes - no) * (2 * test.answers - 1)).flatten()


def _ends(experiment: Experiment, report: Report, school: School, span: int) -> dict[str, Any]:
    network = report.network_at(span)
    test = _test(network, school, span, _generator(report, 2))
    fastest, slowest = fastest_and_slowest(network, experiment.lesioned_units)
    outcome: dict[str, Any] = {"accuracy": test.accuracy(network)}
    for name, units in (("fastest", fastest), ("slowest", slowest)):
        outcome[name] = _relative(network, test, ablation(network, units.tolist(), test).mean())
        outcome[f"tau of the {name}"] = float(network.tau[units].mean())
    return outcome


@torch.no_grad()
def every_unit(report: Report, school: School, longest: int) -> dict[str, Any]:
    """Of all units in order of their time constants; the last column of "without" belongs to the longest span."""
    network, generator = report.network_at(longest), _generator(report, 2)
    heads = [head_for(school, span) for span in report.solved if span <= longest]
    spans = [span for span in report.solved if span <= longest] if len(set(heads)) == len(heads) else [longest]
    tests = [
        test._replace(head=head_for(school, span))
        for span, test in zip(spans, shared_tests(network, school.task, spans, generator, 10), strict=True)
    ]
    order = network.tau.argsort(stable=True)
    return {
        "tau": network.tau[order].tolist(),
        "spans": spans,
        "intact": _accuracies(network, tests),
        "without": [_accuracies(ablated(network, unit), tests) for unit in order.tolist()],
    }


def _accuracies(network: LeakyRNN, tests: list[RunningTest]) -> list[float]:
    states = network.states(tests[0].bits, tests[0].h0)[-len(tests[0].answers) :]
    given = network.read(states, [test.head for test in tests]).argmax(-1)
    return [(given[i] == test.answers).double().mean().item() for i, test in enumerate(tests)]


def _test(network: LeakyRNN, school: School, span: int, generator: torch.Generator) -> RunningTest:
    return running_test(network, school.task, span, head_for(school, span), generator)


def _relative(network: LeakyRNN, test: RunningTest, accuracy: Tensor) -> float:
    return relative_accuracy(float(accuracy), test.accuracy(network))


def _generator(report: Report, experiment: int) -> torch.Generator:
    """Random numbers of each experiment's own, so that none depends on which were made before it."""
    return torch.Generator().manual_seed(1000 * experiment + report.seed)


def _keys_as_text(table: Mapping[int, Any]) -> dict[str, Any]:
    return {str(key): _keys_as_text(value) if isinstance(value, Mapping) else value for key, value in table.items()}
