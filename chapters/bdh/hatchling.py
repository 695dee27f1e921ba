"""The hatchling that comes with brainlib: a model of the laptop run in int8, and its card.

`python -m chapters.bdh.hatchling` writes both anew. It trains the model first, unless the store of `brainlib.runs` has
it.
"""

from pathlib import Path

import torch

from brainlib import backend
from brainlib.bdh import BDH
from chapters.bdh import shakespeare
from chapters.bdh.experiments import trained

FOLDER = BDH.shipped / "hatchling"
PROMPT, LENGTH, DRAWN = "KING HENRY:\nWhat ", 220, {"temperature": 0.7, "top_p": 0.9}
CARD = Path(__file__).with_name("hatchling_card.md")


def sample(model: BDH) -> str:
    """What the card and the README show."""
    return model.generate(PROMPT, LENGTH, generator=torch.Generator().manual_seed(0), **DRAWN)


def write(folder: Path = FOLDER, seed: int = 0, device: str = "auto") -> None:
    """Writes a seed's model, and what it is measured to be."""
    experiment = shakespeare.EXPERIMENTS["laptop"]
    text, held_out = shakespeare.read(experiment)
    whole, history = trained(shakespeare.learn, {"": experiment}, seed, device)[""]
    whole.save_pretrained(folder, int8=True)
    model = BDH.from_pretrained(folder)
    card = CARD.read_text(encoding="utf-8").format(
        **vars(model.config), **DRAWN, parameters=model.config.parameters, bytes=len(text) + len(held_out),
        steps=experiment.training.steps, batch=experiment.batch, length=experiment.length, seed=seed,
        revision=backend.provenance()["revision"], float32=history.evaluations[-1][1],
        loss=shakespeare.held_out_loss(model, held_out, experiment.length, experiment.batch),
        bigram=shakespeare.bigram_loss(text, held_out), prompt=PROMPT, text=sample(model),
        size=(folder / "model.safetensors").stat().st_size / 1e6,
    )  # fmt: skip
    (folder / "README.md").write_text(card, encoding="utf-8")


if __name__ == "__main__":
    write()
