"""A Dragon Hatchling learns Shakespeare byte by byte: the first experiment of chapters/bdh."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from brainlib import data
from brainlib.bdh.model import BDH, BDHConfig, BDHState
from brainlib.bdh.translation import new_model
from brainlib.data import RandomCrops, split, windows
from brainlib.training import History, TrainingConfig, train

TEXTS = {"nine plays": data.shakespeare, "tiny Shakespeare": data.tiny_shakespeare}


@dataclass(frozen=True)
class Experiment:
    """One run: the model, its training, and the batches of random crops (`batch` rows of `length` bytes) of a text.

    `text` is one of `TEXTS`: tiny Shakespeare is the text of the official demo, the nine plays come with brainlib.
    """

    model: BDHConfig
    training: TrainingConfig
    batch: int
    length: int
    text: str

    def read(self) -> tuple[UInt8[Tensor, " train"], UInt8[Tensor, " held_out"]]:
        """What is learned from, and the tenth that is held out."""
        return split(TEXTS[self.text]())


EXPERIMENTS = {
    "ci": Experiment(
        BDHConfig(layers=3, dim=64, heads=4, neurons=2048, dropout=0.0),
        TrainingConfig(
            steps=200, learning_rate=4e-3, warmup_steps=20, decay="cosine", betas=(0.9, 0.99), evaluate_every=100
        ),
        batch=8,
        length=128,
        text="nine plays",
    ),
    "laptop": Experiment(
        BDHConfig(layers=4, dim=128, heads=4, neurons=4096, dropout=0.1),
        TrainingConfig(
            steps=4000, learning_rate=2e-3, warmup_steps=200, decay="cosine", final_fraction=0.05, betas=(0.9, 0.99),
            evaluate_every=800, checkpoint_every=200, precision="auto",
        ),
        batch=4,
        length=256,
        text="tiny Shakespeare",
    ),
    # The official demo: its model, batches and learning rate; warm-up, decay and clipping are ours.
    "paper": Experiment(
        BDHConfig(),
        TrainingConfig(
            steps=3000, learning_rate=1e-3, warmup_steps=100, decay="cosine", evaluate_every=250, checkpoint_every=250,
            precision="auto",
        ),
        batch=32,
        length=512,
        text="tiny Shakespeare",
    ),
}  # fmt: skip


def run(
    experiment: Experiment, seed: int = 0, device: str = "auto", folder: str | Path | None = None
) -> tuple[BDH, History]:
    """Trains a model from random weights and returns it in eval mode with its history; `folder` makes it resumable.

    `history.evaluations` hold the loss on the whole held-out tenth, in nats a byte.
    """
    text, held_out = experiment.read()
    model = untrained_model(experiment, seed, device)
    batches = RandomCrops(text, experiment.batch, experiment.length, seed)

    def evaluate(model: BDH) -> float:
        return held_out_loss(model, held_out, experiment.length, experiment.batch)

    config = replace(experiment.training, seed=seed)
    history = train(model, next_byte_loss, batches, config, evaluate, folder)
    return model.eval(), history


def untrained_model(experiment: Experiment, seed: int = 0, device: str = "auto") -> BDH:
    """The random weights that `run` begins with, in eval mode; the caller's random numbers are left as they were."""
    return new_model(experiment.model, seed, device)


def next_byte_loss(model: BDH, batch: tuple[Tensor, Tensor], state: BDHState | None) -> tuple[Float[Tensor, ""], None]:
    """What is minimised on random crops: every crop begins without synapses, and none are carried on."""
    _, loss, _ = model(*batch, carry=False)
    return loss, None


@torch.no_grad()
def held_out_loss(model: BDH, text: UInt8[Tensor, "bytes"], length: int, batch: int) -> float:
    """Mean loss in nats a byte over the text, read in windows of `length` bytes that each begin without synapses."""
    device, total = model.embedding.device, 0.0
    for inputs, targets in windows(text, length, batch):
        _, loss, _ = model(inputs.to(device), targets.to(device), carry=False)
        total += float(loss) * targets.numel()
    return total / (len(text) - 1)


def bigram_loss(text: UInt8[Tensor, "bytes"], held_out: UInt8[Tensor, "held_out_bytes"]) -> float:
    """Loss on held-out text, in nats a byte, of counting which byte follows which (every count begins at one)."""
    pairs = torch.bincount(text[:-1].long() * 256 + text[1:].long(), minlength=256**2).view(256, 256) + 1
    surprise = -(pairs / pairs.sum(1, keepdim=True)).log()
    return float(surprise[held_out[:-1].long(), held_out[1:].long()].mean())
