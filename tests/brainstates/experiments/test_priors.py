import dataclasses

import pytest
import torch

from brainlib.brainstates.experiments import priors as experiments
from brainlib.brainstates.experiments import published
from brainlib.brainstates.experiments.priors import PRIORS, Experiment
from brainlib.brainstates.experiments.table import EIGHT, TRUE, Setting

TINY = Setting(2, 4, train=3, test=2, bins=150, restarts=1, iterations=3, l1=(10.0,))
PLAN = dataclasses.replace(
    PRIORS["ci"],
    oracle=Experiment(TINY, 2, (1.0, 2.0)),
    table=Experiment(TINY, 2),
    trials=Experiment(TINY, 1, (1, 3)),
    neurons=Experiment(TINY, 1, (3, 4)),
    groups=Experiment(dataclasses.replace(TINY, groups=2, neurons=2), 1),
    states=Experiment(TINY, 1, (1, 2)),
    explorer=Experiment(TINY, 1, (0.1, 10.0)),
    explored=(1, 3),
    methods=(TRUE, "HG"),
)


@pytest.mark.parametrize(
    ("experiment", "keys"),
    [
        ("oracle", ["1, 2", "1, 3", "2, 2", "2, 3"]),
        ("table", ["2", "3"]),
        ("trials", ["1, 1", "3, 1"]),
        ("neurons", ["3, 1", "4, 1"]),
        ("groups", ["1"]),
        ("states", ["1, 1", "2, 1"]),
        ("explorer", ["1", "3"]),
    ],
)
def test_every_experiment_has_a_result_for_each_value_and_data_set(experiment, keys):
    assert list(experiments.run(experiment, PLAN, 1, progress=False)) == keys


def test_an_unknown_experiment_is_named():
    with pytest.raises(ValueError, match="experiment: got 'methods'"):
        experiments.run("methods", PLAN, 0)


def test_more_sequences_are_seen_one_after_another():
    found = experiments.run("trials", PLAN, 0, progress=False)
    assert found["1, 0"][TRUE] | {"seconds": 0} == found["3, 0"][TRUE] | {"seconds": 0}
    assert found["1, 0"]["HG"]["log_likelihood"] < found["3, 0"]["HG"]["log_likelihood"]


def test_the_number_of_states_is_judged_by_unseen_spikes_and_by_bic():
    for found in experiments.run("states", PLAN, 0, progress=False).values():
        assert -50 < found["held_out"] < 0 < found["bic"] and found["in_use"] in (1, 2)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_stronger_prior_leaves_less_noise(seed):
    setting = dataclasses.replace(TINY, neurons=8, bins=400, strength_sd=2.5, iterations=20)
    result = experiments.explored(setting, seed, (0.01, 100.0), 3)
    true, weak, strong = (torch.tensor(w) for w in (result["true"], *(f["wiring"] for f in result["found"])))
    assert (strong - true).abs().mean() < 0.9 * (weak - true).abs().mean()


def test_table_1_is_run_at_the_papers_size():
    for profile in ("laptop", "paper"):
        table = PRIORS[profile].table
        sizes = table.setting
        assert (sizes.states, sizes.neurons, sizes.train, sizes.test, sizes.bins) == (5, 20, 10, 10, 5000)
        assert table.data_sets == 10 and set(EIGHT) <= set(PRIORS[profile].methods)


def test_the_printed_table_has_all_eight_methods():
    assert tuple(published.TABLE_1) == EIGHT
