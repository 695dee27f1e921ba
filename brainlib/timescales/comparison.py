"""Courses side by side: how far each curriculum led for the same price, and where it moved the time constants.

Used in chapters/timescales/02_curricula.ipynb.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch

from brainlib.timescales.report import Report, TimeConstants
from brainlib.timescales.school import School

Price = Literal["epochs", "operations"]
UNTRAINED = 0  # stands for a span where the network before training is meant


@dataclass(frozen=True)
class Course:
    """One network's way through a school, without the network: small enough to be kept.

    - `solved`: the epoch, from 1, whose test each span was first part of when it was passed; ascending spans.
    - `accuracy`: on the largest span practised, after each epoch.
    - `operations`: floating-point, from the beginning to the end of each epoch.
    - `tau`: the time constants before training (`UNTRAINED`) and when each span was solved.
    """

    seed: int
    solved: dict[int, int]
    accuracy: tuple[float, ...]
    operations: tuple[float, ...]
    tau: dict[int, TimeConstants]

    @classmethod
    def of(cls, report: Report, school: School) -> "Course":
        """The course of a network that attended `school` from the beginning."""
        untrained = TimeConstants.of(school.new_network(torch.Generator().manual_seed(report.seed)))
        then = {span: report.history[epoch - 1].tau for span, epoch in report.solved.items()}
        return cls(
            seed=report.seed,
            solved=report.solved,
            accuracy=tuple(epoch.accuracy[-1] for epoch in report.history),
            operations=tuple(epoch.operations for epoch in report.history),
            tau={UNTRAINED: untrained} | then,
        )

    def record(self) -> dict[str, Any]:
        """Plain JSON for `brainlib.runs.keep`; numbers keep five digits."""
        return {
            "seed": self.seed,
            "solved": {str(span): epoch for span, epoch in self.solved.items()},
            "accuracy": [float(f"{share:.5g}") for share in self.accuracy],
            "operations": [float(f"{count:.5g}") for count in self.operations],
            "tau": {
                str(span): {name: float(f"{value:.5g}") for name, value in asdict(tau).items()}
                for span, tau in self.tau.items()
            },
        }

    @classmethod
    def from_record(cls, content: Mapping[str, Any]) -> "Course":
        """The course that `record` wrote."""
        return cls(
            seed=content["seed"],
            solved={int(span): epoch for span, epoch in content["solved"].items()},
            accuracy=tuple(content["accuracy"]),
            operations=tuple(content["operations"]),
            tau={int(span): TimeConstants(**tau) for span, tau in content["tau"].items()},
        )

    def reached(self, epochs: int | None = None, operations: float | None = None) -> int:
        """The longest span solved within `epochs` and within `operations`; 1 if none was."""
        spans = [
            span
            for span, epoch in self.solved.items()
            if (epochs is None or epoch <= epochs) and (operations is None or self.operations[epoch - 1] <= operations)
        ]
        return max(spans, default=1)

    def path(self, by: Price = "epochs") -> tuple[list[float], list[int]]:
        """Prices and the longest spans solved for them, from nothing to the end: a line of steps for a figure."""
        prices, spans = [0.0], [1]
        for span, epoch in self.solved.items():
            prices.append(float(epoch if by == "epochs" else self.operations[epoch - 1]))
            spans.append(span)
        end = float(len(self.accuracy)) if by == "epochs" else self.operations[-1]
        return [*prices, end], [*spans, spans[-1]]

    @property
    def moved(self) -> TimeConstants:
        """Each number of the time constants at the longest span solved, less what it was before training."""
        first, last = self.tau[UNTRAINED], self.tau[max(self.tau)]
        return TimeConstants(**{name: value - getattr(first, name) for name, value in asdict(last).items()})

    @property
    def rebound(self) -> float:
        """Mean time constant at the longest span solved, less the smallest mean on the way there, in bits."""
        return self.tau[max(self.tau)].mean - min(tau.mean for tau in self.tau.values())


def leads(first: Sequence[Course], second: Sequence[Course], by: Price = "epochs") -> list[int]:
    """For each seed that both have, by how many spans the `first` course led further than the `second`, for the same
    price: what the cheaper of the two took in all, in `epochs` or in floating-point `operations`."""
    others = {course.seed: course for course in second}
    found = []
    for one in first:
        if (other := others.get(one.seed)) is None:
            continue
        if by == "epochs":
            price = {"epochs": min(len(one.accuracy), len(other.accuracy))}
        else:
            price = {"operations": min(one.operations[-1], other.operations[-1])}
        found.append(one.reached(**price) - other.reached(**price))
    return found


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


def gathered(records: Iterable[Mapping[str, Sequence[Mapping[str, Any]]]]) -> dict[str, list[Course]]:
    """By condition, the courses of several kept runs, each of which maps conditions to what `Course.record` wrote."""
    found: dict[str, list[Course]] = {}
    for conditions in records:
        for condition, contents in conditions.items():
            found.setdefault(condition, []).extend(map(Course.from_record, contents))
    return found


def trapped(report: Report) -> tuple[int, int]:
    """How many units had the shortest time constant, 1 bit, when half of the spans were solved, and how many of these
    still had it at the last."""
    spans = list(report.solved)
    if not spans:
        return 0, 0
    then, later = (report.network_at(span).tau <= 1 for span in (spans[(len(spans) - 1) // 2], spans[-1]))
    return int(then.sum()), int((then & later).sum())
