"""Does a model use what it read before the piece that it was trained on? Carried synapses against crops, with and
without fading. Used in chapters/bdh/03_scaling.ipynb."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from brainlib import data
from brainlib.bdh import translation
from brainlib.bdh.model import BDH
from brainlib.bdh.shakespeare import next_byte_loss
from brainlib.training import byte_losses, train

WINDOWS = 64  # read side by side


def teachings(
    experiment: translation.Experiment, seed: int = 0, device: str = "auto", folder: Path | None = None
) -> Iterator[tuple[str, BDH]]:
    """One model after the other, each taught on as many bytes in another way: "carried" goes on with the synapses of
    the last batch, "crops" begins every crop without; each with synapses that fade and that last."""
    for memory, decay in (("fading", experiment.model.decay), ("lasting", None)):
        study = replace(experiment, model=replace(experiment.model, decay=decay))
        for teaching, teach in (("carried", carried), ("crops", crops)):
            name = f"{teaching}, {memory}"
            yield name, teach(study, seed, device, folder and folder / name.replace(", ", "-"))


def carried(experiment: translation.Experiment, seed: int, device: str, folder: Path | None) -> BDH:
    return translation.run(experiment, seed=seed, device=device, folder=folder)[0]


def crops(experiment: translation.Experiment, seed: int, device: str, folder: Path | None) -> BDH:
    model = translation.new_model(experiment.model, seed, device)
    text = translation.training_text([("en", "es")], seed)
    batches = data.RandomCrops(text, experiment.batch, experiment.length, seed)
    train(model, next_byte_loss, batches, replace(experiment.training, seed=seed), folder=folder)
    return model.eval()


def loss_by_context(
    model: BDH, text: UInt8[Tensor, "bytes"], length: int, contexts: Sequence[int]
) -> Float[Tensor, " contexts"]:
    """Mean loss on the same bytes of a text after c to 2 c - 1 bytes of context, for every c of `contexts`, in nats.

    For each c the text is cut into windows of 2 c + 1 bytes that begin c bytes apart and without synapses; their second
    halves count, each byte once. The windows are read in pieces of `length` bytes, synapses carried. What comes before
    the first `max(contexts)` bytes' end is left out, so that all c are judged by one text.
    """
    return torch.stack([_after(model, text[max(contexts) - context :], length, context) for context in contexts])


def _after(model: BDH, text: Tensor, length: int, context: int) -> Tensor:
    windows = text.unfold(0, 2 * context + 1, context)
    losses = [
        byte_losses(model, rows.flatten(), len(rows), length)[:, context + 1 :] for rows in windows.split(WINDOWS)
    ]
    return torch.cat(losses).mean()
