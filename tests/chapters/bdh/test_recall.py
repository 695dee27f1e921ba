"""What a word writes is what is in the synapses, an edit changes what it says, and guessing fails the claims."""

from dataclasses import replace

import pytest
import torch

from brainlib import ledger
from brainlib.bdh import BDH, BDHConfig
from chapters.bdh import measures, recall
from chapters.bdh.recall import COUNTS, Facts, Plan

TOY = Facts(keys=10, values=5)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return BDH(BDHConfig(layers=2, dim=8, heads=2, neurons=16, vocab=TOY.vocab, dropout=0.0)).double().eval()


def told(count=3):
    return TOY.draw(4, count, 0, torch.Generator().manual_seed(0))[0]


def test_facts_are_told_once_and_then_asked_for():
    tokens, answers = TOY.draw(20, 4, 3, torch.Generator().manual_seed(0))
    for text, values in zip(tokens.tolist(), answers.tolist(), strict=True):
        facts = {(word - 15) // 5: (word - 15) % 5 for word in text[:4]}
        assert len(facts) == 4
        assert [facts[question - 5] for question in text[4:]] == values
    key, value = torch.tensor([2]), torch.tensor([3])
    assert TOY.question(key).tolist() == [7] and TOY.fact(key, value).tolist() == [28] and TOY.vocab == 65


def test_synapses_are_the_sum_of_what_is_written(model):
    q, v = recall.writings(model, told())
    total = torch.einsum("lbhtk,lbtd->lbhkd", q, v)
    torch.testing.assert_close(total, model(told())[2].synapses, rtol=1e-9, atol=1e-9)


def test_edits_take_out_exchange_and_put_in(model):
    q, v = recall.writings(model, told())
    assert recall.swap(q, v, 0, 1).equal(recall.swap(q, v, 1, 0))
    gone = torch.einsum("lbhk,lbd->lbhkd", q[:, :, :, 1], v[:, :, 1])
    torch.testing.assert_close(recall.erase(q, v, 1), -gone)
    written = recall.write(model, told()[:, 0], position=0)  # the first word has no past either
    torch.testing.assert_close(
        written, torch.einsum("lbhk,lbd->lbhkd", q[:, :, :, 0], v[:, :, 0]), rtol=1e-9, atol=1e-9
    )
    other = recall.elsewhere(gone, torch.Generator().manual_seed(0))
    assert not other.equal(gone) and other.norm() == pytest.approx(float(gone.norm()))


def test_a_model_that_learned_nothing_shows_no_edit(model):
    found = recall.edit_facts(model, TOY, 32, seed=0)
    assert all(0 <= share <= 1 for share in found.values())
    assert recall.worse(found) < 0.5


def test_facts_held_and_their_exponent():
    fallen = [1.0 if count <= 8 else 0.8 for count in COUNTS]
    assert 8 < recall.held(fallen) < 12
    assert recall.held([0.5] * len(COUNTS)) == 1 and recall.held([1.0] * len(COUNTS)) == 64
    plan = Plan((64, 128), 64, 1, (1e-3,), 8)
    found = {f"{family}, {size}": fallen for family in (recall.BDHS, recall.GPTS) for size in plan.sizes}
    assert recall.exponent(plan, found) == pytest.approx(0)
    assert recall.room(plan, found) == pytest.approx(recall.held(fallen) - 1)
    assert recall.room(plan, found | {"BDH, 64": [0.0] * len(COUNTS)}) == 0
    assert recall.room(plan, found | {"GPT of equal state, 128": [1.0] * len(COUNTS)}) == 0


@pytest.mark.parametrize(("lead", "outcome"), [(2, "holds"), (1, "fails")])
def test_a_gpt_that_holds_as_much_fails_the_claim(monkeypatch, lead, outcome):
    """Twice as many facts hold it; BDHs of which one holds half as many again as the next do not void it."""
    sizes = recall.PLANS["laptop"].sizes

    def answers(facts):
        return [1.0 if count <= facts else 0.0 for count in COUNTS]

    found = [
        {f"BDH, {n}": answers(facts) for n in sizes}
        | {f"GPT of equal state, {n}": answers(lead * facts) for n in sizes}
        for facts in (8, 12, 8, 12, 8)
    ]
    monkeypatch.setattr(measures, "studied", lambda *_: found)
    one = measures.facts_held("laptop", 0, "cpu")["M1"]
    claim = ledger.read_claims("chapters/bdh/claims.toml")["M1"]
    record = ledger.Record(
        "M1", tuple(one.effect), tuple(one.seeds), "laptop", {}, tuple(one.control), tuple(one.reached)
    )
    assert ledger.Verdict(claim, record).outcome == outcome


def test_the_best_rate_lies_inside_the_grid(monkeypatch):
    monkeypatch.setattr(
        recall, "trained", lambda learn, settings, *_: {name: (one, 0) for name, one in settings.items()}
    )
    assert recall.best_rate(None, float, lambda rate: abs(rate - 8), (1, 2)) == 8
    assert recall.best_rate(None, float, lambda rate: abs(rate - 1), (4, 8)) == 1
    assert recall.best_rate(None, float, lambda rate: abs(rate - 1), (8,)) == 8


def test_capacity_and_edits_run_at_toy_size(runs_here):
    plan = Plan((16, 32), 32, 2, (1e-3,), 4, dim=8)
    found = recall.measure_capacity(plan, 0, device="cpu")
    assert {len(row) for name, row in found.items() if name != "rates"} == {len(COUNTS)}
    assert recall.measure_edits(replace(plan, texts=16), 0, device="cpu")["right"] < 0.9
