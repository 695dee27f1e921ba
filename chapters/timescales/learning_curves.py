"""Learning curves: how far each curriculum led for the same price, and where it moved the time constants."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from brainlib.timescales.network import Network
from brainlib.timescales.training import TauSummary, TrainedNetwork

Price = Literal["epochs", "operations"]
UNTRAINED = 0  # stands for a span where the network before training is meant
AT_ONE = 1.005  # bits: a shorter time constant counts as 1


@dataclass(frozen=True)
class LearningCurve:
    """One network's way through a curriculum, without the network: small enough to be kept, as `asdict` writes it.

    - `solved`: the epoch, from 1, whose test each span was first part of when it was passed; ascending spans.
    - `accuracy`: on the largest span trained, after each epoch.
    - `operations`: floating-point, from the beginning to the end of each epoch.
    - `tau`: the time constants before training (`UNTRAINED`) and when each span was solved; "at one" by distance, below
      `AT_ONE`, since a clamp holds units at exactly 1 that others only come near.
    """

    seed: int
    solved: dict[int, int]
    accuracy: tuple[float, ...]
    operations: tuple[float, ...]
    tau: dict[int, TauSummary]

    @classmethod
    def of(cls, trained: TrainedNetwork) -> "LearningCurve":
        """That of a network which was trained from the beginning."""
        return cls(
            seed=trained.seed,
            solved=trained.solved,
            accuracy=tuple(epoch.accuracy[-1] for epoch in trained.history),
            operations=tuple(epoch.operations for epoch in trained.history),
            tau={UNTRAINED: _tau(trained.untrained())}
            | {span: _tau(trained.network_at(span)) for span in trained.solved},
        )

    @classmethod
    def from_record(cls, content: Mapping[str, Any]) -> "LearningCurve":
        """The curve whose `asdict` went through JSON."""
        solved = {int(span): epoch for span, epoch in content["solved"].items()}
        tau = {int(span): TauSummary(**tau) for span, tau in content["tau"].items()}
        return cls(content["seed"], solved, tuple(content["accuracy"]), tuple(content["operations"]), tau)

    def spent(self, by: Price) -> tuple[float, ...]:
        """The price of the training up to the end of each epoch."""
        return self.operations if by == "operations" else tuple(range(1, len(self.accuracy) + 1))

    def reached(self, price: float = float("inf"), by: Price = "epochs") -> int:
        """The longest span solved for a price; 1 if none was."""
        spent = self.spent(by)
        return max((span for span, epoch in self.solved.items() if spent[epoch - 1] <= price), default=1)

    def path(self, by: Price = "epochs") -> list[tuple[float, int]]:
        """Prices and the longest spans solved for them, from nothing to the end: a line of steps for a figure."""
        spent = self.spent(by)
        steps = [(spent[epoch - 1], span) for span, epoch in self.solved.items()]
        return [(0, 1), *steps, (spent[-1], self.reached())]

    @property
    def last_tau(self) -> TauSummary:
        """The time constants at the longest span solved."""
        return self.tau[max(self.tau)]

    def tau_change(self, what: str) -> float:
        """One number of the time constants at the longest span solved, less what it was before training."""
        return getattr(self.last_tau, what) - getattr(self.tau[UNTRAINED], what)

    @property
    def rebound(self) -> float:
        """Mean time constant at the longest span solved, less the smallest mean on the way there, in bits: negative
        where it never was as small as in the end."""
        *way, last = (tau.mean for tau in self.tau.values())
        return last - min(way, default=last)

    def beside(self, other: TrainedNetwork) -> "LearningCurve":
        """This curve with the time constants that another network of the same beginning had after as many epochs."""
        then = {span: other.history[epoch - 1].tau for span, epoch in self.solved.items()}
        return replace(self, tau={UNTRAINED: self.tau[UNTRAINED]} | then)


def leads(first: Sequence[LearningCurve], second: Sequence[LearningCurve], by: Price = "epochs") -> list[int]:
    """Of pairs of curves, by how many spans the `first` got further than the `second`, for the same price: what the
    cheaper of the two took in all, in `epochs` or in floating-point `operations`."""
    found = []
    for one, other in zip(first, second, strict=True):
        price = min(one.spent(by)[-1], other.spent(by)[-1])
        found.append(one.reached(price, by) - other.reached(price, by))
    return found


def gathered(records: Iterable[Mapping[str, Sequence[Mapping[str, Any]]]]) -> dict[str, list[LearningCurve]]:
    """By condition, the curves of several runs, each of which maps conditions to curves as `asdict` wrote them."""
    found: dict[str, list[LearningCurve]] = {}
    for conditions in records:
        for condition, contents in conditions.items():
            found.setdefault(condition, []).extend(map(LearningCurve.from_record, contents))
    return found


def as_records(curves: Mapping[str, Sequence[LearningCurve]]) -> dict[str, list[dict[str, Any]]]:
    """What `gathered` reads."""
    return {condition: [asdict(curve) for curve in of_one] for condition, of_one in curves.items()}


def _tau(network: Network) -> TauSummary:
    return replace(TauSummary.of(network), at_one=float((network.tau < AT_ONE).float().mean()))
