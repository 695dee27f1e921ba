"""What the chapter on anatomy measures in a model: claims fail where there is nothing, and find what was planted."""

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from brainlib import data, ledger
from brainlib.bdh import BDHConfig, record_activity, synapses_of
from chapters.bdh import anatomy, measures, repetition, shakespeare
from chapters.bdh.experiments import Experiment, new_model, schedule

CLAIMS = ledger.read_claims("chapters/bdh/claims.toml")
CONFIG = BDHConfig(layers=3, dim=32, heads=2, neurons=256, dropout=0.0)
PER_NEURON = (1, 8)


def outcome(id, values, control):
    claim = CLAIMS[id]
    record = ledger.Record(id, tuple(values), tuple(range(len(values))), claim.profile, {}, tuple(control))
    return ledger.Verdict(claim, record).outcome


@pytest.fixture(scope="module")
def untrained():
    return new_model(CONFIG, 0, "cpu")


def test_an_untrained_model_has_neither_modules_nor_hubs(untrained):
    found = [anatomy.graphs({"trained": untrained, "untrained": untrained}, PER_NEURON, seed) for seed in range(3)]
    for id, values in (
        ("B7", [anatomy.above_baselines(one, anatomy.TRAINED, PER_NEURON) for one in found]),
        ("B7d", [anatomy.hubs(one, anatomy.TRAINED) for one in found]),
    ):
        assert outcome(id, values, values) == "fails"


def test_planted_modules_and_hubs_are_found(untrained):
    """Four groups of neurons with a line each in the channel, and twelve neurons that say and hear four times more."""
    modules, stars = new_model(CONFIG, 0, "cpu"), new_model(CONFIG, 0, "cpu")
    group = torch.nn.functional.one_hot(torch.arange(128) % 4, 32).float()
    with torch.no_grad():
        modules.decoder_x += 0.1 * group.mT
        modules.encoder += 0.1 * group
        stars.decoder_x[:, :, :12] *= 4
        stars.encoder[:, :12] *= 4
    found = anatomy.graphs({"trained": modules, "untrained": untrained}, PER_NEURON, 0)
    assert anatomy.above_baselines(found, anatomy.TRAINED, PER_NEURON) > 0.2
    found = anatomy.graphs({"trained": stars, "untrained": untrained}, PER_NEURON, 0)
    assert anatomy.hubs(found, anatomy.TRAINED) > 20 > 10 > anatomy.hubs(found, anatomy.UNTRAINED)


def test_a_share_of_edges():
    assert anatomy.top_share([5, 4, 0, 0, 0, 0, 1]) == pytest.approx(60)  # one of ten neurons has 6 of 10 edges
    assert anatomy.counts(torch.tensor([[0, 2], [1, 1]])) == {"out": [1, 0, 1], "in": [0, 2]}


def test_rows_of_sigma_receive_and_columns_send(untrained):
    """Out-degrees are those of the neurons whose x is written, as `synapses_of` gives their columns."""
    text = torch.randint(256, (1, 20), generator=torch.Generator().manual_seed(1))
    activity = record_activity(untrained, torch.cat((text, text[:, :1]), dim=1))
    columns = [synapses_of(untrained, activity, 1, 0, neuron)[0, 20, :128] for neuron in range(128)]
    sigma = torch.stack(columns, dim=1).fill_diagonal_(-torch.inf)  # [receiver, sender]
    large = sigma >= sigma.flatten().topk(8 * 128).values[-1]
    expected = {"out": torch.bincount(large.sum(0)).tolist(), "in": torch.bincount(large.sum(1)).tolist()}
    assert anatomy.sigma_degrees(untrained, text) == expected


@pytest.fixture
def toy(monkeypatch, runs_here):
    monkeypatch.setitem(shakespeare.TEXTS, "to be", lambda: data.encode("To be, or not to be, that is. " * 40))
    training = schedule(2, 1e-2, precision="float32")
    experiment = Experiment(replace(CONFIG, neurons=128), training, batch=2, length=24, text="to be")
    monkeypatch.setitem(anatomy.ANATOMIES, "ci", anatomy.Anatomy(experiment, 2, PER_NEURON, passages=3))
    letters = repetition.REPETITIONS["ci"]
    small = replace(letters.experiment, model=replace(letters.experiment.model, neurons=64, dim=8), training=training)
    monkeypatch.setitem(repetition.REPETITIONS, "ci", replace(letters, experiment=small))


def test_every_measure_gives_a_value_and_a_control_for_each_model(toy):
    found = measures.anatomy_of_shakespeare("ci", 1, "cpu") | measures.repeating("ci", 1, "cpu")
    assert found.keys() == {"B5", "B6", "B7", "B7d"}
    for one in found.values():
        assert len(one.effect) == len(one.control) == 2 and np.isfinite([one.effect, one.control]).all()
    assert found["B5"].settings == asdict(anatomy.ANATOMIES["ci"])
    assert 15 < np.mean(found["B5"].control) < 25  # untrained: a quarter of y is above zero
    assert outcome("B5", 3 * [20.0], 3 * [20.0]) == "fails"
