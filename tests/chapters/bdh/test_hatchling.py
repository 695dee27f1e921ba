"""The hatchling that comes with brainlib, and the command that makes it."""

import re

import torch

from brainlib import data
from brainlib.bdh import BDH, BDHConfig
from brainlib.training import History
from chapters.bdh import hatchling, shakespeare
from chapters.bdh.experiments import Experiment, schedule


def test_a_seed_is_written_with_what_was_measured(monkeypatch, tmp_path):
    monkeypatch.setitem(shakespeare.TEXTS, "plays", lambda: data.shakespeare()[:5_000])
    tiny = Experiment(BDHConfig(layers=1, dim=8, heads=2, neurons=32), schedule(2, 1e-2), 2, 64, "plays")
    monkeypatch.setitem(shakespeare.EXPERIMENTS, "laptop", tiny)
    model = BDH(tiny.model).eval()

    def trained(learn, conditions, seed, device):
        history = shakespeare.learn(tiny, seed, device="cpu")["history"]
        return {"": (model, History.from_dict(history | {"evaluations": [[2, 1.4 + seed / 10]]}))}

    monkeypatch.setattr(hatchling, "trained", trained)
    hatchling.write(tmp_path, seed=1, device="cpu")
    again, (card, *_) = BDH.from_pretrained(tmp_path), (tmp_path / "README.md").read_text().partition("```text")
    assert torch.allclose(again.embedding, model.embedding, atol=1e-3)
    assert "1.5000 before it was made int8; one seed" in card and "2 crops of 64 bytes, seed 1" in card


def test_the_committed_one_is_that_of_the_laptop_run_small_and_has_learned():
    model = BDH.from_pretrained("hatchling")
    assert model.config == shakespeare.EXPERIMENTS["laptop"].model
    assert sum(path.stat().st_size for path in hatchling.FOLDER.iterdir()) < 3_000_000
    text, held_out = data.split(data.shakespeare())
    loss = shakespeare.held_out_loss(model, held_out[:8_193], 256, 8)
    assert loss < 1.7 < shakespeare.bigram_loss(text, held_out)
    card = (hatchling.FOLDER / "README.md").read_text()
    assert float(re.search(r"([\d.]+) nats a byte of this file", card)[1]) < 1.55
