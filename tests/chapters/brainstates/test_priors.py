from dataclasses import replace

import pandas as pd
import pytest
import torch

from chapters.brainstates import priors
from chapters.brainstates.priors import PRIORS
from chapters.brainstates.table import METHODS, TABLE_1, TRUE

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.mark.parametrize("experiment", PRIORS["ci"])
def test_every_experiment_has_a_result_for_each_value_and_data_set(experiment):
    found, plan = priors.run(experiment, "tiny", 1), PRIORS["tiny"][experiment]
    assert len(found) == max(1, len(plan.values)) * plan.data_sets
    assert not plan.values or {key.partition(",")[0] for key in found} == {f"{value:.4g}" for value in plan.values}


def test_more_sequences_are_seen_one_after_another():
    few, more = priors.run("trials", "tiny", 0).values()
    assert few[TRUE] == more[TRUE] and few["HG"]["log_likelihood"] < more["HG"]["log_likelihood"]


def test_the_number_of_states_is_judged_by_unseen_spikes_and_by_bic():
    results = priors.run("states", "tiny", 0)
    for one in results.values():
        assert -50 < one["held_out"] < 0 < one["bic"]
    assert priors.chosen_states(results, "bic")[0] in (1, 2)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_stronger_prior_leaves_less_noise(seed, tiny):
    result = priors.explored((replace(tiny, neurons=8, bins=400, iterations=20), 3), seed)
    true, weak, *_, strong = (torch.tensor(w) for w in (result["true"], *(f["wiring"] for f in result["found"])))
    assert (strong - true).abs().mean() < 0.9 * (weak - true).abs().mean()


def test_methods_are_compared_data_set_by_data_set():
    results = {
        "1, 0": {TRUE: {"x": 1.0}, "B": {"x": 3.0}, "C": {"x": 2.0}},
        "1, 1": {TRUE: {"x": 4.0}, "B": {"x": 1.0}, "C": {"x": 2.0}},
    }
    assert priors.difference(results, "x", TRUE, "B", "C", "D").tolist() == [-2, 2]
    assert priors.ratio(results, "x", TRUE, "B", "C").tolist() == [0.5, 4]
    curves = {"1, 0": {"x": 1.0}, "2, 0": {"x": 3.0}, "10, 0": {"x": 2.0}}
    assert priors.chosen_states(curves, "x") == [2]
    pd.testing.assert_index_equal(priors.wide(curves, "x").index.unique("value"), pd.Index([1.0, 2, 10], name="value"))


def test_table_1_is_run_at_the_papers_size():
    for profile in ("laptop", "paper"):
        table = PRIORS[profile]["table"]
        sizes = table.setting
        assert (sizes.states, sizes.neurons, sizes.train, sizes.test, sizes.bins) == (5, 20, 10, 10, 5000)
        assert table.data_sets == 10 and table.methods == METHODS and set(TABLE_1) <= set(METHODS)
