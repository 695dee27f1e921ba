"""Byte by byte through Shakespeare and the Bible: what an astrocyte adds, at equal parameters and at equal state.

Every study is one text, one size and one length of context; its models read the same crops in the same order, each
with the learning rate that serves it best.
"""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from brainlib import data, runs
from brainlib.astrosnn import AstroSNN, AstroSNNConfig
from brainlib.astrosnn.astrocytes import MatrixAstrocyte
from brainlib.training import byte_losses, loss_by_context
from chapters.astrosnn import energy
from chapters.astrosnn.networks import model_config, restored, trained, untrained

ROWS = 64  # of held-out text that are read side by side
TEST_BYTES = 2**17  # of held-out text behind a loss
MAIN = "Shakespeare"  # the first study
OURS, BASELINE, TRANSFORMER = "AM-SU", "PLIF", "transformer, GELU"
RIVALS = (OURS, BASELINE, "SpikeGPT", TRANSFORMER)
MODELS = (
    *(OURS, "AM-SU, sigmoid", "AM-SU, gated", "AM-SU, small heads", "PLIF, wide", TRANSFORMER),
    *("LIF", BASELINE, "calcium", "GRU", "RWKV", "SpikeGPT", "transformer"),
)
EARLY = 16  # bytes of context, or fewer
SCHEDULE = {"final_fraction": 0.05, "betas": (0.9, 0.99), "weight_decay": 0.01, "checkpoint_every": 100}


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
    contexts: tuple[int, ...]
    test_bytes: int
    models: tuple[str, ...] = MODELS


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


def run(plan: Plan, seed: int = 0, device: str = "auto") -> tuple[dict[str, dict[str, Any]], dict[str, AstroSNN]]:
    """Tunes and trains all: the results (`trained_and_tested`) by study and model, and the networks of the first
    study."""
    (title, first), *others = plan.studies.items()
    found = _runs(first, [(model, rate) for model in first.models for rate in plan.rates], seed, device)
    best = {model: min(plan.rates, key=lambda rate: found[model, rate]["tuning_loss"]) for model in first.models}
    results = {title: {model: found[model, rate] for model, rate in best.items()}}
    for name, study in others:
        further = _runs(study, [(model, best[model]) for model in study.models], seed, device)
        results[name] = {model: result for (model, _), result in further.items()}
    configs = {model: model_config(first.frame, model) for model in first.models}
    networks = {model: restored(config, results[title][model]["weights"], device) for model, config in configs.items()}
    return {name: {model: one["result"] for model, one in of.items()} for name, of in results.items()}, networks


def _runs(study: Study, models: list[tuple[str, float]], seed: int, device: str) -> dict[tuple[str, float], Any]:
    alone = replace(study, models=())
    conditions = {f"{model}, {rate:g}": Condition(model, rate, alone) for model, rate in models}
    found = runs.study(trained_and_tested, conditions, [seed], device=device)
    return {pair: results[0] for pair, results in zip(models, found.values(), strict=True)}


def trained_and_tested(
    condition: Condition, seed: int = 0, *, device: str = "auto", folder: Path | None = None
) -> dict[str, Any]:
    """{"result": facts, "tuning_loss": on the end of the held-out text, which the result leaves out, "weights"}.

    Of the result, `state` are the numbers kept of a sequence after `length` bytes; `loss` is on held-out text in crops
    of `length` bytes, `by_context` after each of the study's contexts, and `lesioned` the same without the astrocyte's
    current (empty if there is none); `repeated` is what a byte costs less when the passage was read just before; all in
    nats a byte. `operations` are those of a byte (`energy.operations`).
    """
    study, rate = condition.study, condition.rate
    model = untrained(model_config(study.frame, condition.model), seed, device)
    training, held_out = corpus(study.text)
    batches = data.RandomCrops(training, study.batch, study.length, seed)
    tokens = torch.zeros(1, 64, dtype=torch.long, device=next(model.parameters()).device)
    with torch.random.fork_rng():  # the first call compiles, which is no training
        model(tokens, tokens, return_state=False)[1].backward()
    model.zero_grad()
    history = trained(model, batches, study.steps, seed, folder, learning_rate=rate, **SCHEDULE)
    held_out, tuning = held_out.split([len(held_out) - study.test_bytes, study.test_bytes])
    tested = held_out[: max(study.contexts) + study.test_bytes + 1]
    silent = without_astrocytes(model)
    rows = held_out[: ROWS // 4 * study.length].view(-1, study.length).long().to(next(model.parameters()).device)
    result = {
        "name": condition.model,
        "parameters": model.config.parameters,
        "state": model.state_size(study.length),
        "learning_rate": rate,
        "seconds": history.seconds,
        "bytes_a_second": study.steps * study.batch * study.length / history.seconds,
        "loss": held_out_loss(model, held_out[:TEST_BYTES], study.length),
        "by_context": loss_by_context(model, tested, study.length, study.contexts).tolist(),
        "lesioned": loss_by_context(silent, tested, study.length, study.contexts).tolist() if silent else [],
        "repeated": gain_of_repetition(model, tested, study.length // 2),
        "operations": energy.operations(model, rows),
    }
    return {
        "result": result,
        "tuning_loss": held_out_loss(model, tuning, study.length),
        "weights": model.state_dict(),
    }


@cache
def corpus(text: str) -> tuple[UInt8[Tensor, " train"], UInt8[Tensor, " held_out"]]:
    """The bytes to learn from and those held out: the last tenth of "nine plays" (of Shakespeare, which come with
    brainlib) or "tiny Shakespeare", or of "King James Bible", a verse a line, every tenth block of fifty."""
    plays = {"nine plays": data.shakespeare, "tiny Shakespeare": data.tiny_shakespeare}
    if text in plays:
        return data.split(plays[text]())
    parts = data.hold_out([verse for (verse,) in data.verses("en", whole=True)])
    training, held_out = (data.encode("\n".join(part) + "\n") for part in parts)
    return training, held_out


def held_out_loss(model: nn.Module, text: UInt8[Tensor, "bytes"], length: int) -> float:
    """Mean loss in nats a byte over a text in pieces of `length` bytes, each read from nothing."""
    return float(_losses(model, text[: len(text) // length * length].view(-1, length)).nanmean())


def gain_of_repetition(model: nn.Module, text: UInt8[Tensor, "bytes"], length: int) -> float:
    """How many nats a byte of a passage of `length` bytes costs less when the same passage was read just before."""
    losses = _losses(model, text[: len(text) // length * length].view(-1, length).repeat(1, 2))
    return float((losses[:, 1:length] - losses[:, length + 1 :]).mean())


def _losses(model: nn.Module, rows: UInt8[Tensor, "rows length"]) -> Tensor:
    return torch.cat([byte_losses(model, part.flatten(), *part.shape) for part in rows.split(ROWS)])


def without_astrocytes(model: AstroSNN) -> AstroSNN | None:
    """A copy of the model whose matrix astrocytes say nothing; None if it has none."""
    lesioned = copy.deepcopy(model)
    astrocytes = [part for part in lesioned.modules() if isinstance(part, MatrixAstrocyte)]
    for astrocyte in astrocytes:
        nn.init.zeros_(astrocyte.gain)
    return lesioned if astrocytes else None


def tidy(results: Iterable[Mapping[str, Mapping[str, Any]]]) -> pd.DataFrame:
    """What `run` found, of one seed or of several: a row for each study, model and run, a column for each fact."""
    rows = [
        {"study": title, "run": number, "model": name} | one | one["operations"]
        for number, of_one in enumerate(results)
        for title, found in of_one.items()
        for name, one in found.items()
    ]
    table = pd.DataFrame(rows).drop(columns=["name", "operations"])
    table["spikes"] = energy.AC_NANOJOULES * table.additions
    table["nanojoules"] = energy.MAC_NANOJOULES * table.multiplications + table.spikes
    table["firing"] = table.rates.map(lambda rates: np.mean(list(rates.values())) if rates else np.nan)
    return table


def lead(table: pd.DataFrame, other: str, name: str = OURS, study: str = MAIN) -> np.ndarray:
    """For each run the held-out loss of `name` less that of `other`; empty if the study was not run."""
    losses = table[table.study == study].pivot(index="run", columns="model", values="loss")
    return (losses[name] - losses[other]).to_numpy() if len(losses) else np.zeros(0)


def late(study: Study, curve: Sequence[float]) -> float:
    """The mean of a curve over the contexts of half a crop or more."""
    return float(np.mean(np.asarray(curve)[np.asarray(study.contexts) >= study.length // 2]))


def growth(study: Study, theirs: Sequence[float], ours: Sequence[float]) -> float:
    """How much more `ours` is below `theirs` late in the context than with 16 bytes of it or fewer."""
    gains = np.subtract(theirs, ours)
    return late(study, gains) - float(np.mean(gains[np.asarray(study.contexts) <= EARLY]))


def findings(plan: Plan, results: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """By claim, the number that it is judged by, from the results of `run`; a claim whose study the profile lacks is
    left out."""
    table, study, first = tidy([results]), plan.studies[MAIN], results[MAIN]
    ours, plif = first[OURS], first[BASELINE]
    energies = table[table.study == MAIN].set_index("model")
    leads = {
        "A6": lead(table, BASELINE),
        "A6-lif": lead(table, "LIF"),
        "A6-state": lead(table, "PLIF, wide", "AM-SU, small heads"),
        "A6-printed": lead(table, OURS, "AM-SU, sigmoid"),
        "A6-spikegpt": lead(table, "SpikeGPT"),
        "A6-transformer": lead(table, TRANSFORMER),
        "A6-longer": lead(table, BASELINE) - lead(table, BASELINE, study="longer context"),
        "A6-larger": lead(table, BASELINE, study="larger"),
        "A6-verses": lead(table, BASELINE, study="verses"),
    }
    return {claim: float(found[0]) for claim, found in leads.items() if len(found)} | {
        "A6-context": growth(study, plif["by_context"], ours["by_context"]),
        "A6-lesion": late(study, np.subtract(ours["lesioned"], ours["by_context"])),
        "A6-repeat": ours["repeated"] - plif["repeated"],
        "A8": float(energies.firing[OURS]),
        "A8-energy": float(energies.nanojoules[OURS] / energies.nanojoules[TRANSFORMER]),
        "A8-rest": float(1 - energies.spikes[OURS] / energies.nanojoules[OURS]),
    }
