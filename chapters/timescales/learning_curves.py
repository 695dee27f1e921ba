"""Learning curves: how far each curriculum led for the same price, and where it moved the time constants."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from brainlib.timescales.training import TauSummary, TrainedNetwork

Price = Literal["epochs", "operations"]
UNTRAINED = 0  # stands for a span where the network before training is meant


@dataclass(frozen=True)
class LearningCurve:
    """One network's way through a curriculum, without the network: small enough to be kept.

    - `solved`: the epoch, from 1, whose test each span was first part of when it was passed; ascending spans.
    - `accuracy`: on the largest span trained, after each epoch.
    - `operations`: floating-point, from the beginning to the end of each epoch.
    - `tau`: the time constants before training (`UNTRAINED`) and when each span was solved.
    """

    seed: int
    solved: dict[int, int]
    accuracy: tuple[float, ...]
    operations: tuple[float, ...]
    tau: dict[int, TauSummary]

    @classmethod
    def of(cls, trained: TrainedNetwork) -> "LearningCurve":
        """That of a network which was trained from the beginning."""
        then = {span: trained.history[epoch - 1].tau for span, epoch in trained.solved.items()}
        return cls(
            seed=trained.seed,
            solved=trained.solved,
            accuracy=tuple(epoch.accuracy[-1] for epoch in trained.history),
            operations=tuple(epoch.operations for epoch in trained.history),
            tau={UNTRAINED: TauSummary.of(trained.untrained())} | then,
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
    def from_record(cls, content: Mapping[str, Any]) -> "LearningCurve":
        """The curve that `record` wrote."""
        return cls(
            seed=content["seed"],
            solved={int(span): epoch for span, epoch in content["solved"].items()},
            accuracy=tuple(content["accuracy"]),
            operations=tuple(content["operations"]),
            tau={int(span): TauSummary(**tau) for span, tau in content["tau"].items()},
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
    def tau_change(self) -> TauSummary:
        """Each number of the time constants at the longest span solved, less what it was before training."""
        first, last = self.tau[UNTRAINED], self.tau[max(self.tau)]
        return TauSummary(**{name: value - getattr(first, name) for name, value in asdict(last).items()})

    @property
    def rebound(self) -> float:
        """Mean time constant at the longest span solved, less the smallest mean on the way there, in bits."""
        return self.tau[max(self.tau)].mean - min(tau.mean for tau in self.tau.values())


def leads(first: Sequence[LearningCurve], second: Sequence[LearningCurve], by: Price = "epochs") -> list[int]:
    """For each seed that both have, by how many spans the `first` got further than the `second`, for the same price:
    what the cheaper of the two took in all, in `epochs` or in floating-point `operations`."""
    others = {curve.seed: curve for curve in second}
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


def gathered(records: Iterable[Mapping[str, Sequence[Mapping[str, Any]]]]) -> dict[str, list[LearningCurve]]:
    """By condition, the curves of several kept runs, each of which maps conditions to what `LearningCurve.record`
    wrote."""
    found: dict[str, list[LearningCurve]] = {}
    for conditions in records:
        for condition, contents in conditions.items():
            found.setdefault(condition, []).extend(map(LearningCurve.from_record, contents))
    return found


def units_at_one(trained: TrainedNetwork) -> tuple[int, int]:
    """How many units had the shortest time constant, 1 bit, when half of the spans were solved, and how many of these
    still had it at the last."""
    spans = list(trained.solved)
    if not spans:
        return 0, 0
    then, later = (trained.network_at(span).tau <= 1 for span in (spans[(len(spans) - 1) // 2], spans[-1]))
    return int(then.sum()), int((then & later).sum())
