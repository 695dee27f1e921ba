import math

import pytest
import torch

from brainlib import data
from brainlib.bdh import BDH, BDHConfig
from chapters.bdh import shakespeare
from chapters.bdh.experiments import Experiment, schedule


def test_a_run_learns_and_goes_on_where_it_stopped(monkeypatch, tmp_path):
    text = data.encode("To be, or not to be, that is the question. " * 40)
    monkeypatch.setitem(shakespeare.TEXTS, "to be", lambda: text)
    model = BDHConfig(layers=2, dim=16, heads=2, neurons=64, dropout=0.1)
    training = schedule(40, 1e-2, evaluate_every=20, checkpoint_every=20, precision="float32")
    tiny = Experiment(model, training, batch=4, length=32, text="to be")
    first, again = (shakespeare.learn(tiny, 1, device="cpu", folder=tmp_path) for _ in range(2))
    assert list(tmp_path.glob("step-*"))
    evaluations = first["history"]["evaluations"]
    assert evaluations[-1][1] < 0.6 * math.log(256)
    assert [step for step, _ in evaluations] == [20, 40]
    assert again["history"]["losses"] == first["history"]["losses"]
    assert all(tensor.equal(again["weights"][name]) for name, tensor in first["weights"].items())


def test_held_out_loss_counts_every_byte_once():
    torch.manual_seed(0)
    model = BDH(BDHConfig(layers=1, dim=8, heads=1, neurons=16)).eval()
    text = torch.randint(256, (101,)).to(torch.uint8)
    total = 0.0
    with torch.no_grad():
        for first in range(0, 100, 32):
            inputs, targets = text[None, first : min(first + 32, 100)], text[None, first + 1 : first + 33]
            total += float(model(inputs, targets)[1]) * targets.numel()
    assert shakespeare.held_out_loss(model, text, length=32, batch=2) == pytest.approx(total / 100, rel=1e-6)
