"""Byte by byte through Shakespeare and the Bible: what an astrocyte adds, at equal parameters and at equal state.

Every study is one text, one size and one length of context; its contestants read the same crops in the same order,
each with the learning rate that serves it best. Used in chapters/astrosnn/03_language.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from brainlib import backend, data
from brainlib.arguments import whole_number
from brainlib.astrosnn.astrocytes import MatrixAstrocyte
from brainlib.astrosnn.energy import Operations, operations
from brainlib.astrosnn.experiments.contestants import contestant
from brainlib.astrosnn.model import AstroSNN, AstroSNNConfig
from brainlib.training import TrainingConfig, byte_losses, loss_by_context, train

ROWS = 64  # of held-out text that are read side by side
TESTED = 2**17  # bytes of held-out text behind a loss
CHECKPOINT_EVERY = 100  # steps


@dataclass(frozen=True)
class Study:
    """One comparison.

    - `text` is one that `corpus` knows; crops of `length` bytes are read, `batch` at a time, for `steps` steps.
    - `frame` is the model with the unit, whose parameters all contestants have.
    - `contexts`: the loss is measured after so many bytes of context, on the same `judged` bytes of held-out text.
    """

    text: str
    frame: AstroSNNConfig
    length: int
    batch: int
    steps: int
    contestants: tuple[str, ...]
    contexts: tuple[int, ...]
    judged: int


@dataclass(frozen=True)
class Experiment:
    """What a profile runs.

    - The first of the `studies` has all contestants, and there each is trained with all `rates`: the best by `tune` is
      its learning rate, which it has in all studies.
    - After each of `decode_contexts` a byte is timed, in `decode_rounds` rounds.
    - So many bytes are `written` to compare the ways to compute them.
    """

    studies: Mapping[str, Study]
    rates: tuple[float, ...]
    decode_contexts: tuple[int, ...]
    decode_rounds: int
    written: int


@dataclass(frozen=True)
class Result:
    """One trained contestant: what it is, what it cost, how well it predicts held-out text, how often it fires.

    - `state`: numbers kept of a sequence after `length` bytes; `seconds`: of training; `bytes_a_second`: in training.
    - `loss`: on held-out text in crops of `length` bytes; `by_context`: after each of the study's contexts, and
      `lesioned` the same without the astrocyte's current (empty if there is none); all in nats a byte.
    - `repeated`: what a byte costs less, in nats, when the passage was read just before.
    - `operations` a byte, with the firing rates.
    """

    name: str
    parameters: int
    state: int
    learning_rate: float
    seconds: float
    bytes_a_second: float
    loss: float
    by_context: list[float]
    lesioned: list[float]
    repeated: float
    operations: Operations

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "Result":
        """The result that `dataclasses.asdict` made plain."""
        return cls(**content | {"operations": Operations(**content["operations"])})


def run(
    experiment: Experiment, seed: int = 0, device: str = "auto", folder: Path | None = None
) -> tuple[dict[str, dict[str, Result]], dict[str, AstroSNN]]:
    """Tunes and trains everyone: the results by study and contestant, and the models of the first study."""
    first = next(iter(experiment.studies.values()))
    best, results, models = {}, {}, {}
    for name in first.contestants:
        losses = tune(first, name, experiment.rates, seed, device, folder and folder / "tuned")
        best[name] = min(losses, key=losses.get)
    for title, study in experiment.studies.items():
        results[title] = {}
        for name in study.contestants:
            place = folder and folder / ("tuned" if study is first else title.replace(" ", "-"))
            model, results[title][name] = compete(study, name, best[name], seed, device, place)
            if study is first:
                models[name] = model
    return results, models


def compete(
    study: Study, name: str, rate: float, seed: int = 0, device: str = "auto", folder: Path | None = None
) -> tuple[AstroSNN, Result]:
    """Trains one contestant at one learning rate and examines it; resumable from `folder`."""
    model, seconds = _taught(study, name, rate, seed, device, folder)
    held_out = corpus(study.text)[1][: -study.judged]
    judged = held_out[: max(study.contexts) + study.judged + 1]
    curve = loss_by_context(model, judged, study.length, study.contexts).tolist()
    silent = without_astrocytes(model)
    lesioned = [] if silent is None else loss_by_context(silent, judged, study.length, study.contexts).tolist()
    rows = held_out[: ROWS // 4 * study.length].view(-1, study.length).long().to(next(model.parameters()).device)
    result = Result(
        name=name,
        parameters=model.config.parameters,
        state=model.state_size(study.length),
        learning_rate=rate,
        seconds=seconds,
        bytes_a_second=study.steps * study.batch * study.length / seconds,
        loss=held_out_loss(model, held_out[:TESTED], study.length),
        by_context=curve,
        lesioned=lesioned,
        repeated=gain_of_repetition(model, judged, study.length // 2),
        operations=operations(model, rows),
    )
    return model, result


def tune(
    study: Study,
    name: str,
    rates: tuple[float, ...],
    seed: int = 0,
    device: str = "auto",
    folder: Path | None = None,
) -> dict[float, float]:
    """By learning rate, the loss of a contestant on the end of the held-out text, which `compete` leaves out."""
    text = corpus(study.text)[1][-study.judged :]
    losses = {}
    for rate in rates:
        model, _ = _taught(study, name, rate, seed, device, folder)
        losses[rate] = held_out_loss(model, text, study.length)
    return losses


@cache
def corpus(text: str) -> tuple[UInt8[Tensor, " train"], UInt8[Tensor, " held_out"]]:
    """The bytes to learn from and those held out: the last tenth of "nine plays" (of Shakespeare, which come with
    brainlib) or "tiny Shakespeare", or of "King James Bible", a verse a line, every tenth block of fifty."""
    plays = {"nine plays": data.shakespeare, "tiny Shakespeare": data.tiny_shakespeare}
    if text in plays:
        return data.split(plays[text]())
    if text != "King James Bible":
        raise ValueError(f"text: got {text!r}, expected {', '.join(map(repr, plays))} or 'King James Bible'")
    parts = data.hold_out([verse for (verse,) in data.verse_texts("en", whole=True)])
    training, held_out = (data.encode("\n".join(part) + "\n") for part in parts)
    return training, held_out


def held_out_loss(model: nn.Module, text: UInt8[Tensor, "bytes"], length: int) -> float:
    """Mean loss in nats a byte over a text in pieces of `length` bytes, each read from nothing."""
    rows = text[: len(text) // length * length].view(-1, length)
    losses = [byte_losses(model, piece.flatten(), len(piece), length) for piece in rows.split(ROWS)]
    return float(torch.cat(losses).nanmean())


def gain_of_repetition(model: nn.Module, text: UInt8[Tensor, "bytes"], length: int) -> float:
    """How many nats a byte of a passage of `length` bytes costs less when the same passage was read just before."""
    rows = text[: len(text) // length * length].view(-1, length).repeat(1, 2)
    losses = torch.cat([byte_losses(model, piece.flatten(), len(piece), length) for piece in rows.split(ROWS)])
    first, second = losses[:, 1:length], losses[:, length + 1 :]
    return float((first - second).mean())


def without_astrocytes(model: AstroSNN) -> AstroSNN | None:
    """A copy of the model whose matrix astrocytes say nothing; None if it has none."""
    lesioned = copy.deepcopy(model)
    astrocytes = [part for part in lesioned.modules() if isinstance(part, MatrixAstrocyte)]
    for astrocyte in astrocytes:
        nn.init.zeros_(astrocyte.gain)
    return lesioned if astrocytes else None


def untrained(config: AstroSNNConfig, seed: int = 0, device: str = "auto") -> AstroSNN:
    """The random weights that a contestant begins with; the caller's random numbers are left as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(whole_number("seed", seed))
        return AstroSNN(config).to(backend.resolve_device(device))


def _taught(
    study: Study, name: str, rate: float, seed: int, device: str, folder: Path | None
) -> tuple[AstroSNN, float]:
    model = untrained(contestant(study.frame, name), seed, device)
    batches = data.RandomCrops(corpus(study.text)[0], study.batch, study.length, seed)
    if folder is not None:
        folder = folder / f"{name.replace(', ', '-').replace(' ', '-')}-{rate:g}"
    history = train(model, _next_byte_loss, batches, schedule(study.steps, rate, seed), folder=folder)
    return model.eval(), history.seconds


def schedule(steps: int, rate: float, seed: int = 0) -> TrainingConfig:
    """A tenth of the steps warming up, then a cosine to a twentieth of the rate."""
    return TrainingConfig(
        steps=steps, learning_rate=rate, warmup_steps=steps // 10, decay="cosine", final_fraction=0.05,
        betas=(0.9, 0.99), weight_decay=0.01, checkpoint_every=CHECKPOINT_EVERY, seed=seed,
    )  # fmt: skip


def _next_byte_loss(model: AstroSNN, batch: tuple[Tensor, Tensor], state: None) -> tuple[Tensor, None]:
    _, loss, _ = model(*batch, carry=False)
    return loss, None
