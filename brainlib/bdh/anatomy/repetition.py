"""Who falls silent when a text repeats: the experiment of Section 6.4, Figure 14.

The text has a period of 77 letters: a warm-up of 13 fixed letters, then a random word of 8 letters, 8 times. In each
period the word is another. Its first copy cannot be foretold and has to be memorised; the other seven can be read off
the synapses.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from brainlib.arguments import seeded
from brainlib.bdh.anatomy.activity import record_activity
from brainlib.bdh.model import BDH, BDHConfig
from brainlib.bdh.shakespeare import next_byte_loss
from brainlib.bdh.translation import new_model
from brainlib.training import History, TrainingConfig, train

LETTERS, WARM_UP, WORD, COPIES = 26, 13, 8, 8
PERIOD = WARM_UP + WORD * COPIES
MEMORISING = slice(WARM_UP, WARM_UP + WORD)
REPEATING = slice(WARM_UP + WORD, PERIOD)
PACES = 8  # groups of neurons from the fastest to the slowest turning, as in the paper


@dataclass(frozen=True)
class Experiment:
    """Sizes of one run: the model, its training, and batches of `batch` texts of `periods` periods."""

    model: BDHConfig
    training: TrainingConfig
    batch: int
    periods: int


def schedule(steps: int, learning_rate: float) -> TrainingConfig:
    return TrainingConfig(
        steps=steps, learning_rate=learning_rate, warmup_steps=steps // 20, decay="cosine", betas=(0.9, 0.99),
        precision="auto",
    )  # fmt: skip


EXPERIMENTS = {
    "ci": Experiment(
        BDHConfig(layers=4, dim=32, heads=4, neurons=512, vocab=LETTERS, dropout=0.0), schedule(250, 6e-3), 8, 2
    ),
    "laptop": Experiment(
        BDHConfig(layers=4, dim=64, heads=4, neurons=1024, vocab=LETTERS, dropout=0.0), schedule(1200, 4e-3), 8, 2
    ),
    # The paper's model; how it was trained is not told.
    "paper": Experiment(
        BDHConfig(layers=4, dim=256, heads=4, neurons=65536, vocab=LETTERS, dropout=0.0), schedule(3000, 1e-3), 16, 4
    ),
}


class RepeatedWords:
    """Batches of texts that repeat their words; a text begins at a random place of its first period."""

    def __init__(self, batch: int, periods: int, seed: int = 0):
        self.batch, self.periods = batch, periods
        self.generator = seeded(seed)

    def next_batch(self) -> tuple[Int[Tensor, "batch time"], Int[Tensor, "batch time"]]:
        """`periods` periods of new words, and the same one letter later."""
        texts = repeated_words(self.batch, self.periods + 1, self.generator)
        starts = torch.randint(PERIOD, (self.batch, 1), generator=self.generator)
        crops = texts.gather(1, starts + torch.arange(self.periods * PERIOD + 1))
        return crops[:, :-1], crops[:, 1:]

    def state_dict(self) -> dict[str, Tensor]:
        return {"generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.generator.set_state(state["generator"])


class Reading(NamedTuple):
    """Means over many texts for each place of the period: the loss of foretelling the letter that stands there (nats),
    the share of x and y above zero once it is read, and that of y for each pace of turning (0 the fastest)."""

    loss: Float[Tensor, "period"]
    x: Float[Tensor, "layers period"]
    y: Float[Tensor, "layers period"]
    y_by_pace: Float[Tensor, "layers paces period"]


def repeated_words(
    batch: int, periods: int, generator: torch.Generator, copies: int = COPIES
) -> Int[Tensor, "batch time"]:
    """Texts of whole periods, each with a word of its own drawn evenly from all letters.

    With fewer `copies` (a divisor of 8) a period holds more words: with 1, eight different ones.
    """
    words = torch.randint(LETTERS, (batch, periods, COPIES // copies, 1, WORD), generator=generator)
    warm_up = torch.arange(WARM_UP).expand(batch, periods, WARM_UP)
    return torch.cat((warm_up, words.expand(-1, -1, -1, copies, -1).flatten(2)), dim=2).flatten(1)


def run(
    experiment: Experiment, seed: int = 0, device: str = "auto", folder: str | Path | None = None
) -> tuple[BDH, History]:
    """Trains a model on repeated words, from random weights; returns it in eval mode with its history.

    `folder` makes the run resumable. Used in chapters/bdh/04_anatomy.ipynb.
    """
    model = new_model(experiment.model, seed, device)
    batches = RepeatedWords(experiment.batch, experiment.periods, seed)
    history = train(model, next_byte_loss, batches, replace(experiment.training, seed=seed), folder=folder)
    return model.eval(), history


@torch.no_grad()
def read(model: BDH, texts: int = 64, seed: int = 0, copies: int = COPIES) -> Reading:
    """What the model does in the second period of new texts, whose first it has read.

    With `copies=1` nothing repeats: the control for what comes with the place alone. Used in chapters/bdh.
    """
    generator = seeded(seed)
    tokens = repeated_words(texts, 2, generator, copies).to(model.embedding.device)
    second = slice(PERIOD, 2 * PERIOD)
    logits, _, _ = model(tokens, carry=False)
    loss = cross_entropy(logits[:, PERIOD - 1 : -1].flatten(0, 1), tokens[:, second].flatten(), reduction="none")
    x, y = (values[:, :, :, second] > 0 for values in record_activity(model, tokens))  # [L, B, H, period, K]
    pace = y.unflatten(-1, (PACES, -1))  # the frequencies of a head fall from its first neuron to its last
    shares = (active.cpu().double() for active in (x, y, pace))
    x, y, pace = shares
    return Reading(
        loss.view(texts, PERIOD).mean(0).cpu(), x.mean((1, 2, 4)), y.mean((1, 2, 4)), pace.mean((1, 2, 5)).mT
    )
