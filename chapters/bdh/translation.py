"""A Dragon Hatchling reads Bible verses with their translations: the paper's recipe, made small.

One stream: `<F:en>a verse<T:es>its translation<F:es>...`, the side that comes first drawn for every verse (Appendix
B.1). Batches are coherent, the state is carried from one to the next, and gradients end at the batch's first byte.
"""

from functools import cache
from pathlib import Path
from typing import Any

from brainlib import data
from brainlib.bdh import BDHConfig
from brainlib.training import byte_losses
from chapters.bdh.experiments import Experiment, Model, fit, new_model, schedule

SPANISH = ("en", "es")

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
    "laptop": Experiment(fading_bdh(4, 64, 1024), schedule(1000, 4e-3), 16, 128, HALF, held_out=100_000),
    # Appendix B.3 of the paper, on the verses; its number of steps and of streams is not known.
    "paper": Experiment(fading_bdh(8, 256, 24576, 0.01), LONG, 16, 2048, WHOLE, held_out=800_000),
}


def learn(experiment: Experiment, seed: int, *, device: str = "auto", folder: Path | None = None) -> dict[str, Any]:
    """Trains on the stream with carried state.

    The history's evaluations hold the loss on held-out verses (tags included), in nats a byte.
    """

    def evaluate(model: Model) -> float:
        text = held_out_stream(experiment).tokens
        return float(byte_losses(model, text, HELD_OUT_STREAMS, experiment.length).nanmean())

    stream = data.translation_stream(verses(experiment.text)[0], SPANISH, seed)
    batches = data.CoherentStreams(stream.tokens, experiment.batch, experiment.length)
    return fit(new_model(experiment.model, seed, device), batches, experiment, seed, folder, evaluate)


@cache
def verses(text: str) -> tuple[list[data.Pair], list[data.Pair]]:
    """The verses to learn from and those held out; `text` is HALF or WHOLE."""
    return data.hold_out(data.verses(*SPANISH, whole=text == WHOLE))


def held_out_stream(experiment: Experiment) -> data.TaggedText:
    """At least `experiment.held_out` bytes of held-out verses, taken evenly from all of them."""
    held_out = verses(experiment.text)[1]
    total = sum(len(text.encode()) for pair in held_out for text in pair)
    every = max(1, total // experiment.held_out)
    return data.translation_stream(held_out[::every], SPANISH, seed=0)
