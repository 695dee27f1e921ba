"""Does a model use what it read before the piece that it was trained on? Carried synapses against crops, with and
without fading. Used in chapters/bdh/03_scaling.ipynb."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from brainlib import data
from brainlib.bdh import translation
from brainlib.bdh.model import BDH
from brainlib.bdh.shakespeare import next_byte_loss
from brainlib.training import train


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
    text = translation.training_text(experiment, [("en", "es")], seed)
    batches = data.RandomCrops(text, experiment.batch, experiment.length, seed)
    train(model, next_byte_loss, batches, replace(experiment.training, seed=seed), folder=folder)
    return model.eval()
