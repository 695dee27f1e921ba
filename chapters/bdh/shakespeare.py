"""A Dragon Hatchling learns Shakespeare byte by byte."""

from pathlib import Path
from typing import Any

import torch
from jaxtyping import UInt8
from torch import Tensor

from brainlib import data
from brainlib.bdh import BDH, BDHConfig
from chapters.bdh.experiments import Experiment, fit, new_model, schedule

TEXTS = {"nine plays": data.shakespeare, "tiny Shakespeare": data.tiny_shakespeare}
"""Tiny Shakespeare is the text of the official demo, the nine plays come with brainlib."""

EXPERIMENTS = {
    "ci": Experiment(
        BDHConfig(layers=3, dim=64, heads=4, neurons=2048, dropout=0.0),
        schedule(
            200, 4e-3, warmup_steps=20, decay="cosine", evaluate_every=100, checkpoint_every=None, precision="float32"
        ),
        batch=8,
        length=128,
        text="nine plays",
    ),
    "laptop": Experiment(
        BDHConfig(layers=4, dim=128, heads=4, neurons=4096, dropout=0.1),
        schedule(4000, 2e-3, decay="cosine", final_fraction=0.05, evaluate_every=800, checkpoint_every=200),
        batch=4,
        length=256,
        text="tiny Shakespeare",
    ),
    # The official demo: its model, batches and learning rate; warm-up, decay and clipping are ours.
    "paper": Experiment(
        BDHConfig(),
        schedule(
            3000, 1e-3, warmup_steps=100, decay="cosine", betas=(0.9, 0.999), evaluate_every=250, checkpoint_every=250
        ),
        batch=32,
        length=512,
        text="tiny Shakespeare",
    ),
}


def read(experiment: Experiment) -> tuple[UInt8[Tensor, " train"], UInt8[Tensor, " held_out"]]:
    """What is learned from, and the tenth that is held out."""
    return data.split(TEXTS[experiment.text]())


def learn(experiment: Experiment, seed: int, *, device: str = "auto", folder: Path | None = None) -> dict[str, Any]:
    """Trains a model from random weights on crops, each of which begins without synapses.

    The history's evaluations hold the loss on the whole held-out tenth, in nats a byte.
    """
    text, held_out = read(experiment)

    def evaluate(model: BDH) -> float:
        return held_out_loss(model, held_out, experiment.length, experiment.batch)

    batches = data.RandomCrops(text, experiment.batch, experiment.length, seed)
    model = new_model(experiment.model, seed, device)
    return fit(model, batches, experiment, seed, folder, evaluate, return_state=False)


@torch.no_grad()
def held_out_loss(model: BDH, text: UInt8[Tensor, "bytes"], length: int, batch: int) -> float:
    """Mean loss in nats a byte over the text, read in windows of `length` bytes that each begin without synapses."""
    device, total = model.embedding.device, 0.0
    for inputs, targets in data.windows(text, length, batch):
        _, loss, _ = model(inputs.to(device), targets.to(device), return_state=False)
        total += float(loss) * targets.numel()
    return total / (len(text) - 1)


def bigram_loss(text: UInt8[Tensor, "bytes"], held_out: UInt8[Tensor, "held_out_bytes"]) -> float:
    """Loss on held-out text, in nats a byte, of counting which byte follows which (every count begins at one)."""
    pairs = torch.bincount(text[:-1].long() * 256 + text[1:].long(), minlength=256**2).view(256, 256) + 1
    surprise = -(pairs / pairs.sum(1, keepdim=True)).log()
    return float(surprise[held_out[:-1].long(), held_out[1:].long()].mean())
