"""Spiking networks, and who finds their synapses."""

from dataclasses import replace

import numpy as np
import torch

from brainlib.ledger import Verdict, read_claims
from brainlib.ledger.records import Record
from chapters.brainstates import measures, synapses
from chapters.brainstates.rivals import CORRELOGRAM, METHODS
from chapters.brainstates.spiking import Network, rewired, simulate
from chapters.brainstates.synapses import Condition, Plan

SMALL = Network(neurons=10, connected=0.3, strength=0.3)


def test_a_neuron_excites_or_inhibits_and_rests_after_a_spike():
    recorded = simulate(SMALL, 0.2, 0)
    assert len(recorded.trials) == 2 and recorded.states.unique().tolist() == [0, 1]
    assert (recorded.synapses.sum(0).abs() == recorded.synapses.abs().sum(0)).all()
    assert recorded.trials.counts.max() == 1  # a bin is as long as the rest
    assert recorded.first(4).synapses.equal(recorded.synapses[:4, :4])


def test_strong_synapses_are_seen_by_the_plainest_method():
    recorded = simulate(SMALL, 3.0, 1)
    found = synapses.wiring(CORRELOGRAM, 0.3, recorded.trials, None, 1).belief
    assert synapses.area(recorded.synapses, found) > 0.75
    nothing = simulate(replace(SMALL, strength=0.0, common=0.0), 3.0, 1)
    assert nothing.synapses.equal(recorded.synapses)
    found = synapses.wiring(CORRELOGRAM, 0.3, nothing.trials, None, 1).belief
    assert abs(synapses.area(nothing.synapses, found) - 0.5) < 0.2


def test_rewiring_keeps_all_degrees_and_little_else():
    true = simulate(Network(), 0.1, 0).synapses
    new = rewired(true, np.random.default_rng(0))
    assert new.sum(0).equal(true.sum(0)) and new.abs().sum(1).equal(true.abs().sum(1))
    assert not new.diagonal().any() and (new == true)[true != 0].double().mean() < 0.4


def test_a_run_has_a_number_for_each_network_and_method(monkeypatch, runs_here):
    plan = Plan((Condition(0.2, 6, SMALL),), networks=2, tuning=1, iterations=2)
    monkeypatch.setitem(synapses.PLANS, "tiny", plan)
    monkeypatch.setattr(synapses, "GRIDS", {method: values[1:3] for method, values in synapses.GRIDS.items()})
    found = synapses.judged("tiny", 1)
    assert found.keys() == {"0.2 min, 40% hidden", synapses.WITHOUT}
    for one in found.values():
        assert one["area"].keys() == one["tuned"].keys() == set(METHODS)
        assert all(len(areas) == 2 and torch.tensor(areas).isfinite().all() for areas in one["area"].values())
    measured = measures.found_synapses("tiny", 1, "cpu")
    assert all(len(one.effect) == len(one.control) == 2 for one in measured.values())


def test_the_measure_shows_nothing_where_nothing_is(monkeypatch):
    random = np.random.default_rng(0)
    condition = {
        "area": {method: random.normal(0.5, 0.02, 10).tolist() for method in METHODS},
        "rewired": {method: random.normal(0.5, 0.02, 10).tolist() for method in METHODS},
    }
    name = synapses.PLANS["laptop"].conditions[0].name
    monkeypatch.setattr(synapses, "judged", lambda profile, seed: {name: condition, synapses.WITHOUT: condition})
    found = measures.found_synapses("laptop", 0, "cpu")["W2"]
    record = Record("W2", tuple(found.effect), tuple(range(10)), "laptop", {}, tuple(found.control))
    assert Verdict(read_claims("chapters/brainstates/claims.toml")["W2"], record).outcome == "fails"
