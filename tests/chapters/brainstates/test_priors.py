"""The contests of chapter 2: what a tiny run gives, and what the claims say of a null result."""

import numpy as np
import pandas as pd
import pytest

from brainlib import ledger
from chapters.brainstates import figures_priors, measures, priors
from chapters.brainstates.measures import CONTESTS
from chapters.brainstates.priors import PLANS
from chapters.brainstates.table import METHODS, TABLE_1, TRUE

CLAIMS = ledger.read_claims("chapters/brainstates/claims.toml")


@pytest.mark.usefixtures("tiny")
def test_contests_and_figures_of_a_tiny_run():
    found = measures.contests("tiny", 1, "cpu")
    assert found.keys() == CONTESTS.keys()
    assert all(len(one.effect) == len(one.control) == 2 for one in found.values())
    shown = figures_priors.Shown("tiny", 1)
    for draw in (shown.oracle, shown.forest, shown.wiring, shown.few):
        assert "nan" not in draw().caption
    assert shown.table_1().shape[0] == 7 and len(shown.options()) == 5


def made(effects: dict[str, float], spread: float = 1.0) -> pd.DataFrame:
    """Ten brains on which methods differ by noise, and by what is said."""
    random = np.random.default_rng(0)
    rows = [
        {"value": value, "method": method, "seed": seed, "log_likelihood": effects.get(method, 0) + spread * noise}
        | {"states": 0.5 + (effects.get(method, 0) + spread * noise) / 100}
        | {"shared_auc": 0.5 + (effects.get(method, 0) + spread * noise) / 1000}
        for value in (1.0, 10.0)
        for seed in range(10)
        for method, noise in zip(METHODS, random.normal(size=len(METHODS)), strict=True)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("claim", CONTESTS)
def test_a_lead_holds_and_a_null_result_does_not(claim, monkeypatch):
    first = CONTESTS[claim][3]

    def verdict(effect, control):
        tables = {"unconnected": made(control)}
        monkeypatch.setattr(priors, "run", lambda name, profile, seed: tables.get(name, made(effect)))
        own = measures.contests("laptop", 0, "cpu")[claim]
        return ledger.Verdict(
            CLAIMS[claim], ledger.Record(claim, tuple(own.effect), tuple(range(10)), "laptop", {}, tuple(own.control))
        ).outcome

    assert verdict({first: 40.0}, {}) == "holds"
    assert verdict({}, {}) == "fails"
    assert verdict({first: 40.0}, {first: 40.0}) == "void"


def test_table_1_is_run_at_the_papers_size():
    for profile in ("laptop", "paper"):
        plan = PLANS[profile]
        sizes = plan.setting
        assert (sizes.states, sizes.neurons, sizes.train, sizes.test, sizes.bins) == (5, 20, 10, 10, 5000)
        assert plan.brains >= CLAIMS["P1"].seeds and len(plan.conditions()["factorial"]) == len(METHODS)
    assert set(figures_priors.PAPER) < set(TABLE_1) and TRUE in METHODS
