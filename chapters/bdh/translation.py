"""A Dragon Hatchling, or a GPT beside it, reads Bible verses with their translations: the paper's recipe, made small.

One stream a pair of languages: `<F:en>a verse<T:es>its translation<F:es>...`, the side that comes first drawn for
every verse (Appendix B.1). Batches are coherent, the state is carried from one to the next, and gradients end at the
batch's first byte.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from brainlib import data
from brainlib.bdh import BDH, BDHConfig
from brainlib.bdh.surgery import grow, merge
from brainlib.training import byte_losses
from chapters.bdh.experiments import Experiment, Model, fit, new_model, schedule, trained

Languages = tuple[str, str]
SPANISH, FRENCH, ITALIAN = ("en", "es"), ("en", "fr"), ("en", "it")

# E-folds a token, a head. Synapses that are carried on and on and never fade drown what was read last: without fading,
# the laptop run stays at the loss of byte pairs. The paper names ALiBi as the remedy without slopes; these are ours.
FADING = (0.001, 0.004, 0.016, 0.064)

HELD_OUT_STREAMS = 32  # a held-out text is read in so many parts side by side
HALF, WHOLE = "the half of the Bible that comes with brainlib", "the Bible"


def fading_bdh(layers: int, dim: int, neurons: int, dropout: float = 0.0) -> BDHConfig:
    return BDHConfig(layers=layers, dim=dim, heads=4, neurons=neurons, dropout=dropout, decay=FADING)


LONG = schedule(20_000, 1e-3, warmup_steps=1000, checkpoint_every=500)
EXPERIMENTS = {
    "ci": Experiment(fading_bdh(3, 48, 768), schedule(120, 6e-3), 16, 96, HALF, held_out=20_000),
    "laptop": Experiment(fading_bdh(4, 64, 1024), schedule(1000, 4e-3), 16, 128, WHOLE, held_out=100_000),
    # Section 7.1 of the paper, on the verses; its number of steps and of streams is not known.
    "paper": Experiment(fading_bdh(8, 256, 24576, 0.01), LONG, 16, 2048, WHOLE, held_out=800_000),
}


@dataclass(frozen=True)
class Run:
    """How a model comes about: what it reads, and which trained models it begins from.

    `start`: none for random weights, one to go on from its copy, several to merge them first. `new_neurons` are then
    added; they split off from old ones, or, if `silent`, are excited and have no voice. Without `bptt` it learns
    without backpropagation through time (section 7.2). `crops` are drawn at random, and begin without synapses.
    """

    experiment: Experiment
    pairs: tuple[Languages, ...] = (SPANISH,)
    start: tuple["Run", ...] = ()
    new_neurons: int = 0
    silent: bool = False
    bptt: bool = True
    crops: bool = False


def begin(run: Run, seed: int = 0, device: str = "auto") -> Model:
    """The model before its training, in eval mode."""
    if not run.start:
        return new_model(run.experiment.model, seed, device)
    parents = [model for model, _ in trained(learn, dict(zip("123", run.start, strict=False)), seed, device).values()]
    model = merge(parents) if len(parents) > 1 else parents[0]
    if run.new_neurons:
        return add_silent(model, run.new_neurons, seed) if run.silent else grow(model, run.new_neurons, seed)
    return model


@torch.no_grad()
def add_silent(model: BDH, neurons: int, seed: int = 0) -> BDH:
    """The model with `neurons` more that are excited and have no output: merged in as a model with E = 0."""
    mute = new_model(replace(model.config, neurons=neurons), seed, str(model.embedding.device))
    mute.embedding.copy_(model.embedding)
    mute.readout.copy_(model.readout)
    mute.encoder.zero_()
    return merge([model, mute])


def learn(run: Run, seed: int, *, device: str = "auto", folder: Path | None = None) -> dict[str, Any]:
    """Trains on the streams of the run's pairs, one after the other, with carried state.

    The history's evaluations hold the loss on held-out streams, in nats a byte.
    """
    experiment = run.experiment
    model = begin(run, seed, device)
    streams = [data.translation_stream(verses(experiment.text, pair)[0], pair, seed) for pair in run.pairs]
    text = torch.cat([stream.tokens for stream in streams])
    if run.crops:
        crops = data.RandomCrops(text, experiment.batch, experiment.length, seed)
        return fit(model, crops, experiment, seed, folder, return_state=False)

    def evaluate(model: Model) -> float:
        return held_out_loss(model, experiment, run.pairs)

    batches = data.CoherentStreams(text, experiment.batch, experiment.length)
    return fit(model, batches, experiment, seed, folder, evaluate, **({} if run.bptt else {"bptt": False}))


@cache
def verses(text: str, languages: Languages) -> tuple[list[data.Pair], list[data.Pair]]:
    """The verses to learn from and those held out; `text` is HALF or WHOLE."""
    return data.hold_out(data.verses(*languages, whole=text == WHOLE))


def held_out_stream(
    experiment: Experiment, languages: Languages, size: int | None = None, source: str | None = None
) -> data.TaggedText:
    """At least `size` bytes of held-out verses (`experiment.held_out` if None), taken evenly from all of them;
    `source` fixes the side that is first."""
    held_out = verses(experiment.text, languages)[1]
    total = sum(len(text.encode()) for pair in held_out for text in pair)
    every = max(1, total // (size or experiment.held_out))
    return data.translation_stream(held_out[::every], languages, seed=0, source=source)


def held_out_loss(model: Model, experiment: Experiment, pairs: Sequence[Languages] = (SPANISH,)) -> float:
    """Mean loss over the held-out streams of `pairs` (tags included), in nats a byte, with carried state."""
    losses = [stream_losses(model, held_out_stream(experiment, pair), experiment.length) for pair in pairs]
    return float(torch.cat(losses).nanmean())


def direction_losses(model: Model, experiment: Experiment, pairs: Sequence[Languages] = (SPANISH,)) -> dict[str, float]:
    """Held-out loss of each translation, as "en→es", and of each language read without its translation, as "en", in
    nats a byte of text; tags are not counted. Of several pairs, the mean is taken for a language."""
    alone: dict[str, list[float]] = {}
    losses: dict[str, float] = {}
    for pair in pairs:
        for source, target in (pair, pair[::-1]):
            stream = held_out_stream(experiment, pair, source=source)
            at_byte = stream_losses(model, stream, experiment.length)
            translated, text = stream.target[: len(at_byte)], stream.language[: len(at_byte)] != data.TAG
            losses[f"{source}→{target}"] = float(at_byte[translated & text].nanmean())
            alone.setdefault(source, []).append(float(at_byte[~translated & text].nanmean()))
    return losses | {language: sum(values) / len(values) for language, values in alone.items()}


def stream_losses(model: Model, stream: data.TaggedText, length: int) -> Tensor:
    """The loss at every byte but the last few, which do not fill a part."""
    return byte_losses(model, stream.tokens, HELD_OUT_STREAMS, length).flatten()
