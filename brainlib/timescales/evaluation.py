"""How often a network answers rightly: on sequences like those it is trained on, or all along a few long ones."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from brainlib.timescales.network import Network
from brainlib.timescales.tasks import Rate, Task, answers, draw, draw_bits

BATCH = 256  # sequences of one length


@torch.no_grad()
def accuracy(
    network: Network,
    task: Task,
    spans: Sequence[int],
    heads: Sequence[int],
    sequences: int,
    generator: torch.Generator,
    rate: Rate = "task",
) -> dict[int, float]:
    """The share of right answers for each of `spans`, given by its head in `heads` after the last bit.

    Fresh sequences, drawn as for training by the largest of the spans (official code), in batches of at
    most `BATCH`, each of one length; all spans are asked for on the same ones. `rate` is as in `tasks.draw`: with
    "task" or None the share that guessing gets is `tasks.chance`, not always one half.

    Raises `ValueError` for no sequences, for spans without exactly one head each, and as `tasks.draw`.
    """
    if sequences < 1:
        raise ValueError(f"sequences: got {sequences}, expected at least 1")
    if len(spans) != len(heads):
        raise ValueError(f"heads: got {len(heads)}, expected one for each of the {len(spans)} spans")
    device = network.readout_weight.device
    batches = -(-sequences // BATCH)
    right = torch.zeros(len(spans), dtype=torch.int64, device=device)
    for i in range(batches):
        batch = sequences * (i + 1) // batches - sequences * i // batches
        bits, expected = draw(task, spans, batch, generator, rate, device=device)
        logits = network(bits, network.initial_state(batch, generator), heads=heads)
        right += (logits.argmax(-1) == expected).sum(1)
    return dict(zip(spans, (right.double() / sequences).tolist(), strict=True))


class RunningTest(NamedTuple):
    """Long sequences along which each of `heads` is asked for a span of its own after every bit, but for the first.

    Every network it is given reads the same bits from the same state, so that two are compared without the chance of
    the draw. `answers` are those to the last bits.
    """

    bits: Float[Tensor, "time batch 1"]
    h0: Float[Tensor, "batch units"]
    heads: tuple[int, ...]
    answers: Int64[Tensor, "heads steps batch"]

    @torch.no_grad()
    def states(self, network: Network) -> Float[Tensor, "steps batch units"]:
        """The states of a network after the bits that are asked about."""
        return network.states(self.bits, self.h0)[-self.answers.shape[1] :]

    @torch.no_grad()
    def accuracy(self, network: Network) -> list[float]:
        """The share of right answers of each head, over all sequences and bits."""
        given = network.read(self.states(network), self.heads).argmax(-1)
        return (given == self.answers).double().mean((1, 2)).tolist()


def running_test(
    network: Network,
    task: Task,
    spans: Sequence[int],
    heads: Sequence[int],
    generator: torch.Generator,
    *,
    sequences: int = 10,
    steps: int = 1000,
    warm_up: int = 100,
) -> RunningTest:
    """A test for `network` and others of its size: `sequences` of `warm_up` bits that are not asked about and `steps`
    that are, for each of `spans` by its head. The defaults are those of the official code's lesions, on balanced bits,
    where guessing gets one half.

    Raises `ValueError` for no sequences or steps, a warm-up shorter than the span less 1, and as `tasks.draw_bits`.
    """
    for name, count in (("sequences", sequences), ("steps", steps)):
        if count < 1:
            raise ValueError(f"{name}: got {count}, expected at least 1")
    if warm_up < max(spans) - 1:
        raise ValueError(f"warm_up: got {warm_up} bits, expected at least {max(spans) - 1} for span {max(spans)}")
    bits = draw_bits(warm_up + steps, sequences, generator, 0.5, network.readout_weight.device)
    expected = []
    for span in spans:
        windows = bits[-steps - span + 1 :, :, 0].unfold(0, span, 1)  # [steps, B, span]
        expected.append(answers(task, windows.flatten(0, 1).T.unsqueeze(-1), [span]).view(steps, sequences))
    return RunningTest(bits, network.initial_state(sequences, generator), tuple(heads), torch.stack(expected))


def relative_accuracy(accuracy: float, baseline: float) -> float:
    """What is left of the unharmed network's `baseline` above guessing: 1 all, 0 nothing (balanced bits).

    (accuracy - 1/2) / (baseline - 1/2), as in Figures 7 and 8 (official code). Raises `ValueError` for a baseline that
    is not above one half.

    >>> from brainlib.timescales.evaluation import relative_accuracy
    >>> round(relative_accuracy(0.7, baseline=0.9), 3)
    0.5
    """
    if baseline <= 0.5:
        raise ValueError(f"baseline: got {baseline}, expected an accuracy above 0.5, which guessing gets")
    return (accuracy - 0.5) / (baseline - 0.5)
