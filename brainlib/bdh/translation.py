"""A Dragon Hatchling, or a GPT beside it, reads Bible verses with their translations: the paper's recipe, made small.

One stream a pair of languages: `<F:en>a verse<T:es>its translation<F:es>...`, the side that comes first drawn for
every verse (Appendix B.1). Batches are coherent, the state is carried from one to the next, and gradients end at the
batch's first byte. Used in chapters/bdh, where the same run is scaled, dissected and merged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from brainlib import data
from brainlib.backend import resolve_device
from brainlib.baselines import GPT, GPTConfig
from brainlib.bdh.model import BDH, BDHConfig
from brainlib.training import History, TrainingConfig, byte_losses, train

Languages = tuple[str, str]

# E-folds a token, a head. Synapses that are carried on and on and never fade drown what was read last: without fading,
# the laptop run stays at the loss of byte pairs. The paper names ALiBi as the remedy without slopes; these are ours.
FADING = (0.001, 0.004, 0.016, 0.064)

HELD_OUT_STREAMS = 32  # a held-out text is read in so many parts side by side


@dataclass(frozen=True)
class Experiment:
    """One run: the model, its training, its batches (`batch` streams, `length` bytes a step), how many bytes of
    held-out text (a pair of languages) it is judged by, and whether it reads the whole Bible or the half of its verses
    that comes with brainlib."""

    model: BDHConfig | GPTConfig
    training: TrainingConfig
    batch: int
    length: int
    held_out: int
    whole_bible: bool

    def verses(self, languages: Languages) -> tuple[list[data.Pair], list[data.Pair]]:
        """The verses to learn from and those held out."""
        return _verses(languages, self.whole_bible)


def schedule(steps: int, learning_rate: float) -> TrainingConfig:
    """The paper's shape: warm-up, then a linear decay to a tenth."""
    return TrainingConfig(
        steps=steps, learning_rate=learning_rate, warmup_steps=steps // 20, decay="linear", betas=(0.9, 0.99),
        evaluate_every=max(1, steps // 4), checkpoint_every=100, precision="auto",
    )  # fmt: skip


EXPERIMENTS = {
    "ci": Experiment(
        BDHConfig(layers=3, dim=48, heads=4, neurons=768, dropout=0.0, decay=FADING),
        schedule(120, 6e-3),
        16,
        96,
        20_000,
        whole_bible=False,
    ),
    "laptop": Experiment(
        BDHConfig(layers=4, dim=64, heads=4, neurons=1024, dropout=0.0, decay=FADING),
        schedule(1000, 4e-3),
        16,
        128,
        100_000,
        whole_bible=True,
    ),
    # Section 7.1 of the paper, on the verses; its number of steps and of streams is not known.
    "paper": Experiment(
        BDHConfig(layers=8, dim=256, heads=4, neurons=24576, dropout=0.01, decay=FADING),
        replace(schedule(20_000, 1e-3), warmup_steps=1000, checkpoint_every=500),
        16,
        2048,
        800_000,
        whole_bible=True,
    ),
}


def run(
    experiment: Experiment,
    pairs: Sequence[Languages] = (("en", "es"),),
    seed: int = 0,
    device: str = "auto",
    folder: str | Path | None = None,
    start: BDH | GPT | None = None,
    through_time: bool = True,
) -> tuple[BDH | GPT, History]:
    """Trains on the streams of `pairs` with carried state; returns the model in eval mode and its history.

    Begins with a copy of `start` if there is one, else with random weights. `folder` makes the run resumable.
    `through_time=False` learns without backpropagation through time (section 7.2; only for a BDH).
    `history.evaluations` hold the loss on held-out streams, in nats a byte.
    """
    model = new_model(experiment.model, seed, device)
    if start is not None:
        model.load_state_dict(start.state_dict())
    options = {} if through_time else {"through_time": False}

    def next_byte_loss(model: BDH | GPT, batch: tuple[Tensor, Tensor], state) -> tuple:
        _, loss, state = model(*batch, state=state, **options)
        return loss, state

    def evaluate(model: BDH | GPT) -> float:
        return held_out_loss(model, experiment, pairs)

    batches = data.CoherentStreams(training_text(experiment, pairs, seed), experiment.batch, experiment.length)
    config = replace(experiment.training, seed=seed)
    history = train(model, next_byte_loss, batches, config, evaluate, folder)
    return model.eval(), history


def new_model(config: BDHConfig | GPTConfig, seed: int = 0, device: str = "auto") -> BDH | GPT:
    """Random weights, in eval mode; the caller's random numbers are left as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BDH(config) if isinstance(config, BDHConfig) else GPT(config)
    return model.to(resolve_device(device)).eval()


@cache
def _verses(languages: Languages, whole: bool) -> tuple[list[data.Pair], list[data.Pair]]:
    return data.hold_out(data.verses(*languages, whole=whole))


def training_text(experiment: Experiment, pairs: Sequence[Languages], seed: int = 0) -> Tensor:
    """The streams of all pairs, one after the other."""
    return torch.cat([data.translation_stream(experiment.verses(pair)[0], pair, seed).tokens for pair in pairs])


def held_out_stream(
    experiment: Experiment, languages: Languages, size: int | None = None, source: str | None = None
) -> data.TaggedText:
    """At least `size` bytes of held-out verses (`experiment.held_out` if None), taken evenly from all of them;
    `source` fixes the side that is first."""
    size = experiment.held_out if size is None else size
    held_out = experiment.verses(languages)[1]
    total = sum(len(text.encode()) for pair in held_out for text in pair)
    return data.translation_stream(held_out[:: max(1, total // size)], languages, seed=0, source=source)


def held_out_loss(model: BDH | GPT, experiment: Experiment, pairs: Sequence[Languages] = (("en", "es"),)) -> float:
    """Mean loss over the held-out streams of `pairs` (tags included), in nats a byte, with carried state."""
    losses = [stream_losses(model, held_out_stream(experiment, pair), experiment.length) for pair in pairs]
    return float(torch.cat(losses).nanmean())


def direction_losses(
    model: BDH | GPT, experiment: Experiment, pairs: Sequence[Languages] = (("en", "es"),)
) -> dict[str, float]:
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


def stream_losses(model: BDH | GPT, stream: data.TaggedText, length: int) -> Tensor:
    """The loss at every byte but the last few, which do not fill a part."""
    return byte_losses(model, stream.tokens, HELD_OUT_STREAMS, length).flatten()
