"""Byte by byte through Shakespeare and the Bible: what an astrocyte adds, at equal parameters and at equal state.

Every study is one text, one size and one length of context; its models read the same crops in the same order, each
with the learning rate that serves it best.
"""

import copy
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from brainlib import backend, data, runs
from brainlib.arguments import whole_number
from brainlib.astrosnn import AstroSNN, AstroSNNConfig
from brainlib.astrosnn.astrocytes import MatrixAstrocyte
from brainlib.training import TrainingConfig, byte_losses, loss_by_context, train
from chapters.astrosnn.energy import Operations, operations
from chapters.astrosnn.language_models import model_config

ROWS = 64  # of held-out text that are read side by side
TEST_BYTES = 2**17  # of held-out text behind a loss
CHECKPOINT_EVERY = 100  # steps


@dataclass(frozen=True)
class Study:
    """One comparison.

    - `text` is one that `corpus` knows; crops of `length` bytes are read, `batch` at a time, for `steps` steps.
    - `frame` is the model with the unit, whose parameters all `models` have.
    - `contexts`: the loss is measured after so many bytes of context, on the same `test_bytes` of held-out text.
    """

    text: str
    frame: AstroSNNConfig
    length: int
    batch: int
    steps: int
    models: tuple[str, ...]
    contexts: tuple[int, ...]
    test_bytes: int


@dataclass(frozen=True)
class Plan:
    """What a profile runs.

    - The first of the `studies` has all models, and there each is trained with all `rates`: the best on text of its own
      is its learning rate, which it has in all studies.
    - After each of `decode_contexts` a byte is timed, in `decode_rounds` rounds.
    - So many bytes are `written` to compare the ways to compute them.
    """

    studies: Mapping[str, Study]
    rates: tuple[float, ...]
    decode_contexts: tuple[int, ...]
    decode_rounds: int
    written: int


@dataclass(frozen=True)
class Condition:
    """One model of a study with one learning rate."""

    model: str
    rate: float
    study: Study


@dataclass(frozen=True)
class Result:
    """One trained model: what it is, what it cost, how well it predicts held-out text, how often it fires.

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


def run(plan: Plan, seed: int = 0, device: str = "auto") -> tuple[dict[str, dict[str, Result]], dict[str, AstroSNN]]:
    """Tunes and trains all: the results by study and model, and the networks of the first study."""
    (title, first), *others = plan.studies.items()
    found = _runs(first, [(model, rate) for model in first.models for rate in plan.rates], seed, device)
    best = {model: min(plan.rates, key=lambda rate: found[model, rate]["tuning_loss"]) for model in first.models}
    results = {title: {model: found[model, best[model]] for model in first.models}}
    for title, study in others:
        trained = _runs(study, [(model, best[model]) for model in study.models], seed, device)
        results[title] = {model: result for (model, _), result in trained.items()}
    networks = {}
    for model, result in results[next(iter(results))].items():
        networks[model] = untrained(model_config(first.frame, model), seed, device).eval()
        networks[model].load_state_dict({name: torch.as_tensor(w) for name, w in result["weights"].items()})
    plain = {title: {model: one["result"] for model, one in found.items()} for title, found in results.items()}
    return results_of(plain), networks


def results_of(content: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Result]]:
    """Results by study and model that `dataclasses.asdict` made plain."""
    return {
        title: {name: Result(**{**one, "operations": Operations(**one["operations"])}) for name, one in found.items()}
        for title, found in content.items()
    }


def _runs(study: Study, models: list[tuple[str, float]], seed: int, device: str) -> dict[tuple[str, float], Any]:
    alone = replace(study, models=())
    conditions = {f"{model}, {rate:g}": Condition(model, rate, alone) for model, rate in models}
    found = runs.study(trained_and_tested, conditions, [seed], device=device)
    return {pair: results[0] for pair, results in zip(models, found.values(), strict=True)}


def trained_and_tested(
    condition: Condition, seed: int = 0, *, device: str = "auto", folder: Path | None = None
) -> dict[str, Any]:
    """{"result": a plain `Result`, "tuning_loss": on the end of the held-out text, which the result leaves out,
    "weights": state dict}."""
    study, rate = condition.study, condition.rate
    model = untrained(model_config(study.frame, condition.model), seed, device)
    batches = data.RandomCrops(corpus(study.text)[0], study.batch, study.length, seed)
    config = training_config(study.steps, rate, seed)
    history = train(model, _next_byte_loss, batches, config, folder=folder, progress=False)
    model.eval()
    held_out = corpus(study.text)[1][: -study.test_bytes]
    tested = held_out[: max(study.contexts) + study.test_bytes + 1]
    silent = without_astrocytes(model)
    rows = held_out[: ROWS // 4 * study.length].view(-1, study.length).long().to(next(model.parameters()).device)
    result = Result(
        name=condition.model,
        parameters=model.config.parameters,
        state=model.state_size(study.length),
        learning_rate=rate,
        seconds=history.seconds,
        bytes_a_second=study.steps * study.batch * study.length / history.seconds,
        loss=held_out_loss(model, held_out[:TEST_BYTES], study.length),
        by_context=loss_by_context(model, tested, study.length, study.contexts).tolist(),
        lesioned=loss_by_context(silent, tested, study.length, study.contexts).tolist() if silent else [],
        repeated=gain_of_repetition(model, tested, study.length // 2),
        operations=operations(model, rows),
    )
    tuning_loss = held_out_loss(model, corpus(study.text)[1][-study.test_bytes :], study.length)
    return {"result": asdict(result), "tuning_loss": tuning_loss, "weights": model.state_dict()}


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
    """The random weights that a model begins with; the caller's random numbers are left as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(whole_number("seed", seed))
        return AstroSNN(config).to(backend.resolve_device(device))


def training_config(steps: int, rate: float, seed: int = 0) -> TrainingConfig:
    """A tenth of the steps warming up, then a cosine to a twentieth of the rate."""
    return TrainingConfig(
        steps=steps, learning_rate=rate, warmup_steps=steps // 10, decay="cosine", final_fraction=0.05,
        betas=(0.9, 0.99), weight_decay=0.01, checkpoint_every=CHECKPOINT_EVERY, seed=seed,
    )  # fmt: skip


def _next_byte_loss(model: AstroSNN, batch: tuple[Tensor, Tensor], state: None) -> tuple[Tensor, None]:
    _, loss, _ = model(*batch, return_state=False)
    return loss, None
