"""Who falls silent when a text repeats: the experiment of Section 6.4, Figure 14.

The text has a period of 77 letters: a warm-up of 13 fixed letters, then a random word of 8 letters, 8 times. In each
period the word is another. Its first copy cannot be foretold and has to be memorised; the other seven can be read off
the synapses.
"""

from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from brainlib.arguments import seeded
from brainlib.bdh import BDH, BDHConfig, record_activity
from brainlib.training import History
from chapters.bdh.experiments import Experiment, fit, new_model, schedule, trained

LETTERS, WARM_UP, WORD, COPIES = 26, 13, 8, 8
PERIOD = WARM_UP + WORD * COPIES
MEMORISING = slice(WARM_UP, WARM_UP + WORD)
REPEATING = slice(WARM_UP + WORD, PERIOD)
PACES = 8  # groups of neurons from the fastest to the slowest turning, as in the paper


def _experiment(dim: int, neurons: int, steps: int, rate: float, batch: int = 8, periods: int = 2) -> Experiment:
    model = BDHConfig(layers=4, dim=dim, heads=4, neurons=neurons, vocab=LETTERS, dropout=0.0)
    return Experiment(model, schedule(steps, rate, decay="cosine"), batch, periods * PERIOD, "repeated words")


EXPERIMENTS = {
    "ci": _experiment(32, 512, 250, 6e-3),
    "laptop": _experiment(64, 1024, 1200, 4e-3),
    "paper": _experiment(256, 65536, 3000, 1e-3, batch=16, periods=4),  # its model; how it was trained is not told
}


class RepeatedWords:
    """Batches of texts that repeat their words; a text begins at a random place of its first period."""

    def __init__(self, batch: int, periods: int, seed: int = 0):
        self.batch, self.periods, self.generator = batch, periods, seeded(seed)

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


def learn(experiment: Experiment, seed: int, *, device: str = "auto", folder: Path | None = None) -> dict[str, Any]:
    """Trains a model on repeated words, from random weights."""
    batches = RepeatedWords(experiment.batch, experiment.length // PERIOD, seed)
    model = new_model(experiment.model, seed, device)
    return fit(model, batches, experiment, seed, folder, return_state=False)


@torch.no_grad()
def read(model: BDH, texts: int = 64, seed: int = 0, copies: int = COPIES) -> Reading:
    """What the model does in the second period of new texts, whose first it has read.

    With `copies=1` nothing repeats: the control for what comes with the place alone.
    """
    tokens = repeated_words(texts, 2, seeded(seed), copies).to(model.embedding.device)
    logits, _, _ = model(tokens, return_state=False)
    loss = cross_entropy(logits[:, PERIOD - 1 : -1].flatten(0, 1), tokens[:, PERIOD:].flatten(), reduction="none")
    # [L, B, H, period, K]; the frequencies of a head fall from its first neuron to its last
    x, y = ((values[:, :, :, PERIOD:] > 0).cpu().double() for values in record_activity(model, tokens))
    pace = y.unflatten(-1, (PACES, -1)).mean((1, 2, 5)).mT
    return Reading(loss.view(texts, PERIOD).mean(0).cpu(), x.mean((1, 2, 4)), y.mean((1, 2, 4)), pace)


def shares(reading: Reading, control: Reading) -> dict[str, list[float]]:
    """Percent of y (and of x) above zero in every layer, by what the text does; `control` has no repetition."""
    phases = {
        "memorising": reading.y[:, MEMORISING],
        "repeating": reading.y[:, REPEATING],
        "never repeating": control.y[:, REPEATING],
        "x memorising": reading.x[:, MEMORISING],
        "x repeating": reading.x[:, REPEATING],
    }
    return {phase: (active.mean(1) * 100).tolist() for phase, active in phases.items()}


def ratio_by_pace(reading: Reading) -> list[float]:
    """Of every group of layer 2's neurons: the share that is active while memorising over that while repeating."""
    pace = reading.y_by_pace[1]
    return (pace[:, MEMORISING].mean(1) / pace[:, REPEATING].mean(1).clamp_min(1e-6)).tolist()


def readings(profile: str, seed: int, device: str = "auto") -> tuple[History, Reading, Reading]:
    """The history of the trained model, what it does in texts that repeat, and in texts in which nothing repeats."""
    model, history = trained(learn, {"repeated words": EXPERIMENTS[profile]}, seed, device)["repeated words"]
    return history, read(model, seed=1000 + seed), read(model, seed=2000 + seed, copies=1)
