"""Who falls silent when a text repeats: the experiment of Section 6.4, Figure 14.

The text has a period of 77 letters: a warm-up of 13 fixed letters, then a random word of 8 letters, 8 times. In each
period the word is another. Its first copy cannot be foretold and has to be memorised; the other seven can be read off
the synapses. The model also knows texts in which all eight words of a period differ: half of what it learns from.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from brainlib import runs
from brainlib.arguments import seeded
from brainlib.bdh import BDH, BDHConfig, record_activity
from chapters.bdh.experiments import Experiment, fit, new_model, schedule

LETTERS, WARM_UP, WORD, COPIES = 26, 13, 8, 8
PERIOD = WARM_UP + WORD * COPIES
MEMORISING = slice(WARM_UP, WARM_UP + WORD)
REPEATING = slice(WARM_UP + WORD, PERIOD)
REPEATS, NEVER = "repeats", "never repeats"
LAYER = 1  # of the claim: the paper's layer 2
PACES = 8  # groups of neurons from the fastest to the slowest turning, as in the paper
TEXTS, AT_ONCE = 64, 8  # of either kind that are read, and at a time


@dataclass(frozen=True)
class Repetition:
    """A training, and for how many seeds."""

    experiment: Experiment
    models: int

    def seeds(self, seed: int) -> range:
        """Those of the models of one run."""
        return range(seed * self.models, (seed + 1) * self.models)


def _repetition(
    models: int, dim: int, neurons: int, steps: int, rate: float, batch: int = 8, periods: int = 2
) -> Repetition:
    model = BDHConfig(layers=4, dim=dim, heads=4, neurons=neurons, vocab=LETTERS, dropout=0.0)
    training = schedule(steps, rate, decay="cosine")
    return Repetition(Experiment(model, training, batch, periods * PERIOD, "words that repeat or not"), models)


REPETITIONS = {
    "ci": _repetition(2, 32, 512, 250, 6e-3),
    "laptop": _repetition(5, 64, 4096, 700, 4e-3),
    "paper": _repetition(5, 256, 65536, 3000, 1e-3, batch=16, periods=4),  # its model; how it was trained is not told
}


class Words:
    """Batches of texts of both kinds, as many of either; each begins at a random place of its first period."""

    def __init__(self, batch: int, periods: int, seed: int = 0):
        self.batch, self.periods, self.generator = batch, periods, seeded(seed)

    def next_batch(self) -> tuple[Int[Tensor, "batch time"], Int[Tensor, "batch time"]]:
        """`periods` periods, and the same one letter later."""
        texts = torch.cat([*words(self.batch // 2, self.periods + 1, self.generator).values()])
        starts = torch.randint(PERIOD, (len(texts), 1), generator=self.generator)
        crops = texts.gather(1, starts + torch.arange(self.periods * PERIOD + 1))
        return crops[:, :-1], crops[:, 1:]

    def state_dict(self) -> dict[str, Tensor]:
        return {"generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.generator.set_state(state["generator"])


def words(pairs: int, periods: int, generator: torch.Generator) -> dict[str, Int[Tensor, "pairs time"]]:
    """Pairs of texts, of whole periods: one repeats its first word, in the other seven words follow that it has not
    seen. All words are drawn evenly from all letters."""
    drawn = torch.randint(LETTERS, (pairs, periods, COPIES, WORD), generator=generator)
    warm_up = torch.arange(WARM_UP).expand(pairs, periods, WARM_UP)
    kinds = {REPEATS: drawn[:, :, :1].expand_as(drawn), NEVER: drawn}
    return {kind: torch.cat((warm_up, text.flatten(2)), dim=2).flatten(1) for kind, text in kinds.items()}


def studied(profile: str, seed: int, device: str = "auto") -> list[dict[str, Any]]:
    """What `learn_and_read` finds for each seed of a run."""
    settings = REPETITIONS[profile]
    conditions = {"repetition": settings.experiment}
    return runs.study(learn_and_read, conditions, settings.seeds(seed), device=device)["repetition"]


def learn_and_read(
    experiment: Experiment, seed: int, *, device: str = "auto", folder: Path | None = None
) -> dict[str, Any]:
    """Trains a model from random weights, and has it read new pairs of texts."""
    batches = Words(experiment.batch, experiment.length // PERIOD, seed)
    model = new_model(experiment.model, seed, device)
    history = fit(model, batches, experiment, seed, folder, return_state=False)["history"]
    pairs = words(TEXTS, 2, seeded(1000 + seed))
    found = {kind: read(model, texts) for kind, texts in pairs.items()}
    repeats, never = (one["y"][..., REPEATING].mean(-1) for one in found.values())
    return {
        "losses": rounded(torch.tensor(history["losses"][::10])),
        "read": {kind: {name: rounded(part.mean(0)) for name, part in one.items()} for kind, one in found.items()},
        "pairs with fewer": rounded((repeats < never).double().mean(0)),  # layer by layer
    }


def rounded(values: Tensor) -> list:
    """As it is kept: lists of numbers of four places."""
    return values.double().numpy().round(4).tolist()


@torch.no_grad()
def read(model: BDH, texts: Int[Tensor, "batch time"]) -> dict[str, Float[Tensor, "batch *rest"]]:
    """What the model does at each letter of the second period, having read the first: the loss of foretelling the
    letter [batch, period], in nats; what percentage of the neurons speaks (y above zero) once it is read, by layer
    [batch, layers, period], and of the claim's layer by pace of turning, the fastest first [batch, paces, period]."""
    found = []
    for part in texts.to(model.embedding.device).split(AT_ONCE):
        logits, _, _ = model(part, return_state=False)
        loss = cross_entropy(logits[:, PERIOD - 1 : -1].mT, part[:, PERIOD:], reduction="none")
        y = (record_activity(model, part).y[:, :, :, PERIOD:] > 0).float() * 100  # [L, B, H, period, K]
        found.append((loss, y.mean((2, 4)).movedim(0, 1), y[LAYER].unflatten(-1, (PACES, -1)).mean((1, 4)).mT))
    loss, y, by_pace = (torch.cat(parts).cpu() for parts in zip(*found, strict=True))
    return {"loss": loss, "y": y, "y by pace": by_pace}


def silenced(found: Mapping[str, Any], where: slice, part: str = "y") -> Float[np.ndarray, " rows"]:
    """By how many percent fewer neurons speak in texts that repeat than in their twins, at these places: of each layer,
    or of the claim's layer by pace."""
    repeats, never = (np.array(found["read"][kind][part])[:, where].mean(1) for kind in (REPEATS, NEVER))
    return (1 - repeats / never) * 100


def learned(found: Mapping[str, Any]) -> float:
    """By how many nats a letter the loss is smaller at later copies than at the first."""
    loss = np.array(found["read"][REPEATS]["loss"])
    return float(loss[MEMORISING].mean() - loss[REPEATING].mean())
