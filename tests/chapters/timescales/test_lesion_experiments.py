"""The lesions of a pair of networks of which everything is known."""

import json
from dataclasses import replace

import pytest
import torch
from known_network import IDLE, known_network

from brainlib.timescales.curricula import multi_head, single_head, sliding_window
from brainlib.timescales.evaluation import running_test
from brainlib.timescales.lesions import ablated
from brainlib.timescales.training import CurriculumConfig, Epoch, TauSummary, TrainedNetwork
from chapters.timescales import lesions
from chapters.timescales.lesions import Lesions, Subject
from chapters.timescales.probes import fresh_readouts

TAU = TauSummary(2.0, 1.7, 5.0, 0.75)
SINGLE = CurriculumConfig(
    "parity", single_head(), units=4, heads=3, batch_size=4, steps_per_epoch=2, epochs=2, largest_span=4,
    test_sequences=8,
)  # fmt: skip
MULTI = replace(SINGLE, curriculum=multi_head())
SETTINGS = Lesions(
    test_sequences=400,
    lesioned_units=1,
    weight_strengths=(0.0, 10.0),
    tau_strengths=(0.0, 10.0),
    perturbations=2,
    retrained_from=5,
    retrained_to=(3,),
    retraining_epochs=1,
)


def trained(config: CurriculumConfig, *passed: tuple[int, ...]) -> TrainedNetwork:
    """A network that solved span 2 at once and, so it says, other stages later."""
    network = known_network()
    history = [Epoch(spans, (1.0,) * len(spans), True, 0.0, TAU, 0.0) for spans in ((2,), *passed)]
    snapshots = {epoch + 1: network.state_dict() for epoch in range(len(history))}
    return TrainedNetwork(config, 0, network, history, snapshots, "here")


@pytest.fixture
def pair():
    return {"single-head": trained(SINGLE, (3,)), "multi-head": trained(MULTI)}


def kept(name: str, pair) -> dict:
    """What an experiment finds, which is plain JSON."""
    found = lesions.texts(lesions.EXPERIMENTS[name](SETTINGS, pair, 0))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    return found


def test_the_shared_span_is_the_shorter_of_the_longest(pair):
    assert lesions.shared_span(pair) == 2
    pair["multi-head"].history.clear()
    with pytest.raises(ValueError, match="multi-head': 1"):
        lesions.shared_span(pair)


def test_growth_tells_time_constants_and_weights_at_every_span(pair):
    found = kept("growth", pair)
    grown = found["growth"]["single-head"]
    assert found["trained on"] == "here" and list(grown) == ["2", "3"]
    assert grown["3"]["epoch"] == 2
    assert grown["2"]["tau mean"] == 2.0 and grown["2"]["tau largest"] == 5.0
    assert grown["2"]["tau std"] == pytest.approx(3**0.5)
    assert grown["2"]["norm"] == pytest.approx(3**0.5)  # three weights of 1
    assert (grown["2"]["radius"], grown["2"]["weight mean"], found["span"]) == (0, 0.25, 2)  # nothing comes back


def test_memory_asks_for_all_spans_solved_and_reads_the_state_anew(pair):
    memory = kept("memory", pair)
    assert memory["span"] == 2
    single = memory["taught"]["single-head"]["3"]
    assert single["2"] == 1.0
    assert single["3"] == pytest.approx(0.5, abs=0.1)  # the network only says that it solved this one
    assert list(memory["taught"]["multi-head"]) == ["2"]
    fresh = memory["fresh"]["multi-head"]
    assert list(fresh) == ["2", "3", "4"]
    assert fresh["2"] == 1.0
    assert fresh == memory["fresh"]["single-head"]  # the same network
    assert memory["fresh"]["untrained"].keys() == fresh.keys() and memory["fresh"]["untrained"] != fresh


@pytest.mark.parametrize(
    ("curriculum", "stages", "heads"),
    [
        (single_head(), 3, {2: 0, 3: 0, 4: 0}),
        (multi_head(), 3, {2: 0, 3: 1, 4: 2}),
        (sliding_window(2, 1), 2, {2: 0, 3: 0, 4: 1}),
        (sliding_window(2, 2), 2, {2: 0, 3: 1, 4: 0, 5: 1}),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_each_span_is_asked_of_the_head_that_answered_it_last(monkeypatch, curriculum, stages, heads):
    def asked(network, task, spans, heads, *others, rate):
        assert rate == 0.5
        return dict(zip(spans, map(float, heads), strict=True))

    monkeypatch.setattr(lesions, "accuracy", asked)
    passed = [curriculum.spans(stage) for stage in range(stages)]
    one = trained(replace(SINGLE, curriculum=curriculum, heads=8), *passed)
    one.history[:] = one.history[1:]
    found = lesions.remembered(one, 10, torch.Generator())
    assert list(found) == [spans[-1] for spans in passed]
    assert list(found.values())[-1] == heads


def test_losses_are_those_of_the_units_that_are_needed(pair):
    losses = kept("ablation", pair)
    ends = losses["by span"]["single-head"]["2"]
    assert (ends["accuracy"], ends["slowest"]) == (1.0, 1.0)  # nobody hears the slow unit
    assert ends["fastest"] < 0.6
    assert (ends["tau of the fastest"], ends["tau of the slowest"]) == (1.0, 5.0)
    assert {ends["tau of the random"], ends["tau of the others"]} <= {1.0, 5.0} and ends["random"] <= 1
    units = losses["units"]["single-head"]
    assert units["tau"] == [1.0, 1.0, 1.0, 5.0]
    assert (units["spans"], units["intact"], units["without"][IDLE]) == ([2], [1.0], [1.0])
    assert all(without[0] < 0.8 for without in units["without"][:IDLE])
    assert losses["all"] == {"span": 2} | {condition: losses["by span"][condition]["2"] for condition in pair}


def test_a_window_is_lesioned_at_a_span_that_all_have_solved(pair):
    pair["sliding window"] = trained(replace(SINGLE, curriculum=sliding_window(2, 2)), (3,))
    losses = lesions.ablation(SETTINGS, pair, 0)
    assert losses["all"].keys() == {"span", "single-head", "multi-head", "sliding window"}


def test_networks_with_a_head_a_span_are_asked_for_all_of_them_without_each_unit():
    subjects = [Subject.of(trained(config, (2, 3)), 3) for config in (SINGLE, MULTI)]
    single, multi = (lesions.every_unit(one, 0) for one in subjects)
    assert single["spans"] == [3]
    assert multi["spans"] == [2, 3]
    assert multi["intact"] == [1.0, pytest.approx(0.5, abs=0.03)]  # head 1 answers something else
    assert len(multi["without"]) == 4 and all(len(accuracies) == 2 for accuracies in multi["without"])


def test_perturbations_leave_all_at_strength_nought_and_nothing_at_a_large_one(pair):
    found = kept("perturbation", pair)
    for what in ("weight", "tau"):
        left = found["own"][what]["multi-head"]
        assert left["0.0"] == 1.0
        assert left["10.0"] < 0.7
        assert left == found["own"][what]["single-head"]  # the same network, bits and pushes
    assert found["norm"]["weight"]["single-head"] == pytest.approx(3**0.5)
    assert found["norm"]["tau"]["single-head"] == pytest.approx(28**0.5)


def test_equal_pushes_have_one_size_whatever_the_networks_norms(monkeypatch):
    sizes = {}

    def push(network, strength, generator):
        norm = float(network.weight.detach().norm())
        sizes.setdefault(norm, []).append(strength * norm)
        return network

    monkeypatch.setattr(lesions, "PUSHES", {"weight": push})
    small, large = known_network(), known_network()
    with torch.no_grad():
        large.weight.mul_(3)
    settings = replace(SETTINGS, weight_strengths=(0.5,), perturbations=1)
    lesions.pushed({"a": Subject(small, {2: 0}), "b": Subject(large, {2: 0})}, settings, 0)
    (own_small, equal_small), (own_large, equal_large) = sizes.values()
    assert own_large == pytest.approx(3 * own_small) and equal_small == pytest.approx(equal_large)


def test_networks_are_retrained_from_the_span_that_both_solved(tmp_path, pair):
    before = {name: tensor.clone() for name, tensor in pair["multi-head"].network.state_dict().items()}
    outcome = lesions.retraining(SETTINGS, pair, 0, "cpu", tmp_path)
    assert outcome["from"] == 2
    assert 0 <= outcome["multi-head"]["3"] <= 1
    assert lesions.retraining(SETTINGS, pair, 0, "cpu", tmp_path) == outcome  # from the checkpoints
    assert {path.name for path in tmp_path.iterdir()} == {"single-head-3", "multi-head-3"}
    assert all(tensor.equal(before[name]) for name, tensor in pair["multi-head"].network.state_dict().items())


def test_margins_are_positive_where_the_answer_is_right():
    network = known_network()
    test = running_test(network, "parity", [2], [0], torch.Generator().manual_seed(0), sequences=2, steps=50)
    assert torch.equal(lesions.margins(network, test), torch.full((100,), 0.5))
    test = test._replace(answers=1 - test.answers)
    assert torch.equal(lesions.margins(network, test), torch.full((100,), -0.5))


def test_fresh_readouts_find_what_the_state_holds_and_nothing_else():
    network, generator = ablated(known_network(), IDLE), torch.Generator().manual_seed(0)
    with torch.no_grad():
        network.readout_weight.zero_()  # its own answers do not matter
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    found = fresh_readouts(network, "parity", [1, 2, 3], generator, sequences=4)
    assert found[1] == found[2] == 1.0
    assert found[3] == pytest.approx(0.5, abs=0.05)  # the bit before the last two is nowhere; 4,000 answers
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
