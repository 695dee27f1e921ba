"""Wiring against distance."""

import pytest
import torch

from brainlib.arguments import seeded
from brainlib.ledger import Verdict, read_claims
from brainlib.ledger.records import Record
from chapters.brainstates import anatomy, measures
from chapters.brainstates.anatomy import L1, ONE_HOT, RAW, by_electrode, lead, with_distance


def array(electrodes: int = 20, seed: int = 0) -> torch.Tensor:
    return 800 * torch.rand(electrodes, 2, generator=seeded(seed), dtype=torch.float64)


def test_ranks_alone_count():
    places = array()
    falling = torch.exp(-(places[:, None] - places).norm(dim=-1) / 100)
    assert with_distance(falling, places) == pytest.approx(-1)
    assert with_distance(-falling, places) == pytest.approx(1)


def test_neurons_of_an_electrode_are_merged_and_directions_averaged():
    positions = torch.tensor([[5.0, 0.0], [0.0, 0.0], [5.0, 0.0]])
    wiring = torch.tensor([[0.0, 1.0, 9.0], [3.0, 0.0, 5.0], [9.0, 7.0, 0.0]])
    merged, at = by_electrode(wiring, positions)
    assert at.tolist() == [[0, 0], [5, 0]]
    assert merged[0, 1] == merged[1, 0] == pytest.approx((1 + 3 + 5 + 7) / 4)


def test_the_lead_is_over_the_better_of_the_rivals():
    assert lead({"spearman": {ONE_HOT: -0.5, L1: -0.4, RAW: -0.7}}) == pytest.approx(-0.2)


@pytest.mark.parametrize(("prior", "outcome"), [(-0.8, "holds"), (-0.6, "fails")])
def test_w1_holds_only_where_the_prior_leads_in_both_retinas(monkeypatch, prior, outcome):
    def block(one_hot: float, noise: float) -> dict:
        coefficients = {ONE_HOT: one_hot + noise, L1: -0.5, RAW: -0.6}
        return {"spearman": coefficients, "shuffled": {ONE_HOT: noise, L1: 0.02, RAW: -0.01}}

    noises = [0.01 * n for n in (-2, 1, 0, 2, -1)]
    retinas = {"wild type": [block(-0.9, n) for n in noises], "no beta-2": [block(prior, n) for n in noises]}
    monkeypatch.setattr(anatomy, "anatomies", lambda profile, seed: retinas)
    found = measures.followed_distance("laptop", 0, "cpu")["W1"]
    record = Record("W1", tuple(found.effect), tuple(found.seeds), "laptop", {}, tuple(found.control))
    assert Verdict(read_claims("chapters/brainstates/claims.toml")["W1"], record).outcome == outcome
