"""What a network learned at school, epoch by epoch, and the network as it was whenever a span was solved."""

import copy
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from brainlib.timescales.network import Network


@dataclass(frozen=True)
class TimeConstants:
    """Over the units of a network, in bits; `at_one` is the share of units that have 1, the shortest there is."""

    mean: float
    std: float
    largest: float
    at_one: float

    @classmethod
    def of(cls, network: Network) -> "TimeConstants":
        """Those of a network now."""
        tau = network.tau
        return cls(tau.mean().item(), tau.std(correction=0).item(), tau.max().item(), (tau <= 1).float().mean().item())


@dataclass(frozen=True)
class Epoch:
    """One epoch and the test after it.

    `spans` were practised; `accuracy` has one entry for each. `passed`: the test was good enough for the next stage.
    `loss` is the mean over the epoch's steps, summed over the spans. `operations`
    (floating-point, of training alone) and `seconds` (tests included) are counted from the beginning of the run.
    """

    spans: tuple[int, ...]
    accuracy: tuple[float, ...]
    passed: bool
    loss: float
    tau: TimeConstants
    operations: float
    seconds: float

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "Epoch":
        """The epoch that `dataclasses.asdict` took apart, also after a trip through JSON."""
        tau = TimeConstants(**content["tau"])
        return cls(**content | {"spans": tuple(content["spans"]), "accuracy": tuple(content["accuracy"]), "tau": tau})


@dataclass
class Report:
    """The outcome of `attend`: the trained `network`, in eval mode, its `seed`, the history that led there, and the
    name of the device that it was `trained_on`.

    `snapshots` are state dicts, by the number of the epoch (from 1) whose test was passed.
    """

    seed: int
    network: Network
    history: list[Epoch]
    snapshots: dict[int, dict[str, Tensor]]
    trained_on: str

    @property
    def solved(self) -> dict[int, int]:
        """The epoch, counted from 1, whose test each span was first part of when it was passed; ascending spans."""
        solved: dict[int, int] = {}
        for number, epoch in enumerate(self.history, 1):
            for span in epoch.spans if epoch.passed else ():
                solved.setdefault(span, number)
        return dict(sorted(solved.items()))

    @property
    def longest(self) -> int:
        """The largest span solved; 1 if none was."""
        return max(self.solved, default=1)

    def network_at(self, span: int) -> Network:
        """A copy of the network as it was when `span` was solved. Raises `ValueError` if that never happened."""
        solved = self.solved
        if span not in solved:
            raise ValueError(f"span: got {span}, expected one that was solved: {', '.join(map(str, solved)) or 'none'}")
        network = copy.deepcopy(self.network)
        network.load_state_dict(self.snapshots[solved[span]])
        return network
