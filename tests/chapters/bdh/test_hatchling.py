"""The hatchling that comes with brainlib, and the command that makes it."""

import re

import torch

from brainlib import data
from brainlib.bdh import BDH, BDHConfig
from brainlib.training import History
from chapters.bdh import hatchling, shakespeare
from chapters.bdh.experiments import Experiment, schedule


def test_the_first_seed_is_written_with_what_was_measured(monkeypatch, tmp_path):
    monkeypatch.setitem(shakespeare.TEXTS, "plays", lambda: data.shakespeare()[:5_000])
    tiny = Experiment(BDHConfig(layers=1, dim=8, heads=2, neurons=32), schedule(2, 1e-2), 2, 64, "plays")
    monkeypatch.setitem(shakespeare.EXPERIMENTS, "laptop", tiny)
    models = [BDH(tiny.model).eval() for _ in range(2)]

    def trained(learn, conditions, seed, device):
        history = shakespeare.learn(tiny, seed, device="cpu")["history"]
        return {"": (models[seed], History.from_dict(history | {"evaluations": [[2, 1.4 + seed / 10]]}))}

    monkeypatch.setattr(hatchling, "trained", trained)
    hatchling.write(tmp_path, seeds=[0, 1], device="cpu")
    again, (card, *_) = BDH.from_pretrained(tmp_path), (tmp_path / "README.md").read_text().partition("```text")
    assert torch.allclose(again.embedding, models[0].embedding, atol=1e-3)
    assert (
        "mean over 2 seeds, as trained: 1.4500 (95 % interval 0.8147 to 2.0853)" in card
        and "2 crops of 64 bytes, seed 0" in card
    )


def test_the_committed_one_is_that_of_the_laptop_run_small_and_has_learned():
    model = BDH.from_pretrained("hatchling")
    assert model.config == shakespeare.EXPERIMENTS["laptop"].model
    assert sum(path.stat().st_size for path in hatchling.FOLDER.iterdir()) < 3_000_000
    text, held_out = data.split(data.shakespeare())
    loss = shakespeare.held_out_loss(model, held_out[:8_193], 256, 8)
    assert loss < 1.7 < shakespeare.bigram_loss(text, held_out)
    card = (hatchling.FOLDER / "README.md").read_text()
    assert float(re.search(r"([\d.]+) nats a byte of this file", card)[1]) < 1.55
