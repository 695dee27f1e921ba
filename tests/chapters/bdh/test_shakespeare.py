import math
from types import SimpleNamespace

import pytest
import torch

from brainlib import data, ledger
from brainlib.bdh import BDH, BDHConfig
from brainlib.ledger import Measured
from chapters.bdh import measures, shakespeare
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


@pytest.mark.parametrize(("losses", "outcome"), [((1.48, 1.482, 1.479), "holds"), ((2.46, 2.45, 2.44), "fails")])
def test_s2_is_judged_by_the_loss_and_never_by_the_bigram_model(monkeypatch, losses, outcome):
    """A model that has learned no more than pairs of bytes fails the rule, as the control does."""
    monkeypatch.setitem(shakespeare.TEXTS, "tiny Shakespeare", data.shakespeare)
    found = []
    for loss in losses:
        history = SimpleNamespace(evaluations=[(4000, loss)])
        monkeypatch.setattr(measures, "trained", lambda *_, history=history: {"tiny Shakespeare": (None, history)})
        found.append(measures.reading_shakespeare("laptop", 0, "cpu")["S2"])
    effect, control = ([getattr(one, part) for one in found] for part in ("effect", "control"))
    verdict = ledger.record("S2", Measured(effect, control), range(3), "laptop", claims="chapters/bdh/claims.toml")
    assert verdict.outcome == outcome and verdict.control.high < 0
    assert not measures.reading_shakespeare("ci", 0, "cpu")
