"""What a network is taught and how. Used in chapters/timescales/02_curricula.ipynb and 03_lesions.ipynb."""

from dataclasses import dataclass
from typing import Literal

import torch

from brainlib.arguments import whole_number
from brainlib.timescales.curricula import Curriculum
from brainlib.timescales.gated import GatedRNN
from brainlib.timescales.model import LeakyRNN
from brainlib.timescales.network import Network
from brainlib.timescales.tasks import Rate, Task
from brainlib.timescales.time_constants import TauForm

MATRICES = {"leaky": 1, "lstm": 4, "gru": 3}  # recurrent ones, units x units, of each kind of network


@dataclass(frozen=True)
class School:
    """The defaults are the official code's for the leaky network.

    - `units`, `heads`: of the network. `network` "leaky" has time constants `tau` (None: trained, one a unit; a number
      of bits: fixed for all units) in the form `tau_form`, and its leak `inside` the non-linearity or outside.
    - `batch`: sequences a step; `steps`: of an epoch. Training ends after `epochs`, when a span of at least `largest`
      is solved, or with the curriculum's last stage.
    - `tests`: sequences of the test after each epoch; `gate`: the accuracy that it must exceed.
    - `rate`: the chance of a 1 in the bits: "task" is the task's own, None another for each sequence.
    - The loss is cross-entropy, the mean over the batch, summed over the spans; its gradient is shortened to `clip`.
      Leaky networks learn by stochastic gradient descent with Nesterov's momentum, gated ones by Adam. `learning_rate`
      None is 0.05 for the former and 0.001 for the latter.

    Raises `ValueError` for a field that makes no sense, and for a curriculum that needs more heads than there are.
    """

    task: Task
    curriculum: Curriculum
    units: int = 500
    heads: int = 100
    batch: int = 256
    steps: int = 600
    epochs: int = 1000
    largest: int = 101
    tests: int = 12_800
    gate: float = 0.98
    network: Literal["leaky", "lstm", "gru"] = "leaky"
    tau: float | None = None
    tau_form: TauForm = "clamp"
    inside: bool = True
    rate: Rate = "task"
    learning_rate: float | None = None
    momentum: float = 0.1
    clip: float = 2.0

    def __post_init__(self) -> None:
        for name in ("units", "heads", "batch", "steps", "epochs", "largest", "tests"):
            object.__setattr__(self, name, whole_number(name, getattr(self, name), least=1))
        if not 0 <= self.gate < 1:
            raise ValueError(f"gate: got {self.gate}, expected a share from 0 to below 1")
        if self.network not in MATRICES:
            raise ValueError(f"network: got {self.network!r}, expected one of {', '.join(MATRICES)}")
        if self.tau is not None and (self.network != "leaky" or self.tau < 1):
            raise ValueError(
                f"tau: got {self.tau} of a {self.network} network, expected None, or for a leaky one 1 or more"
            )
        if self.learning_rate is None:
            object.__setattr__(self, "learning_rate", 0.05 if self.network == "leaky" else 0.001)
        for name in ("learning_rate", "clip"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected a positive number")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum: got {self.momentum}, expected a number from 0 to below 1")
        needed = self.curriculum.heads(self._last_stage())[-1] + 1
        if needed > self.heads:
            lesson = f"the {self.curriculum.name} curriculum up to span {self.largest}"
            raise ValueError(f"heads: got {self.heads}, expected at least {needed} for {lesson}")

    def _last_stage(self) -> int:
        stage = 0
        while not self.ends(stage):
            stage += 1
        return stage

    def ends(self, stage: int) -> bool:
        """Whether the training is over when this stage is solved."""
        return self.curriculum.last(stage) or self.curriculum.spans(stage)[-1] >= self.largest

    def new_network(self, generator: torch.Generator) -> Network:
        """An untrained network; its weights are drawn from `generator`."""
        if self.network == "leaky":
            return LeakyRNN(
                self.units, self.heads, inside=self.inside, tau=self.tau, tau_form=self.tau_form, generator=generator
            )
        return GatedRNN(self.network, self.units, self.heads, generator=generator)

    def operations(self, length: int, spans: int) -> float:
        """Floating-point operations of a training step on sequences of `length` bits: 6 n² a bit and sequence for each
        recurrent matrix (a third forward, two thirds backward), and 12 n a sequence for each head."""
        recurrence = 6 * MATRICES[self.network] * self.units**2 * length
        return float(self.batch * (recurrence + 12 * self.units * spans))
