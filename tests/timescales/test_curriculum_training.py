from dataclasses import replace

import pytest
import torch
from refusals import refused

from brainlib.runs import store
from brainlib.timescales import tasks
from brainlib.timescales.curricula import from_scratch, multi_head, single_head, sliding_window
from brainlib.timescales.training import CurriculumConfig, TauSummary, TrainedNetwork, train

# Every test is passed: what is asked here is whether the history is right.
TINY = CurriculumConfig(
    "parity", single_head(), units=12, heads=12, batch_size=8, steps_per_epoch=4, epochs=4, test_sequences=32,
    largest_span=9, threshold=0.0,
)  # fmt: skip
WINDOW = sliding_window(width=3, stride=2)


def same(one: TrainedNetwork, other: TrainedNetwork) -> None:
    """Bit for bit."""
    assert one.history == other.history
    states = [{0: trained.network.state_dict()} | trained.snapshots for trained in (one, other)]
    assert states[0].keys() == states[1].keys()
    for number, state in states[0].items():
        for name, tensor in state.items():
            assert torch.equal(tensor, states[1][number][name]), (number, name)


def interrupted_after(draws: int, monkeypatch) -> None:
    """The run's process ends when it draws once more."""
    draw, drawn = tasks.draw, []

    def interrupt(*arguments, **named):
        drawn.append(1)
        if len(drawn) > draws:
            raise KeyboardInterrupt
        return draw(*arguments, **named)

    monkeypatch.setattr(tasks, "draw", interrupt)


@pytest.mark.parametrize(
    "config",
    [
        TINY,
        replace(TINY, curriculum=multi_head(), task="match", inside=False),
        replace(TINY, curriculum=WINDOW, tau_form="projected"),
        replace(TINY, network="lstm", learning_rate=0.01, rate=0.5),
    ],
    ids=["single", "multi", "window", "lstm"],
)
@pytest.mark.parametrize("draws", [3, 10])
def test_an_interrupted_run_ends_bit_for_bit_as_an_uninterrupted_one(config, draws, tmp_path, monkeypatch):
    whole = train(config, 3, "cpu")
    with monkeypatch.context() as patch:
        interrupted_after(draws, patch)
        with pytest.raises(KeyboardInterrupt):
            train(config, 3, "cpu", tmp_path)
    assert (tmp_path / "checkpoint.npz").exists() == (draws > 3)  # in the first epoch, or later
    same(train(config, 3, "cpu", tmp_path), whole)
    same(train(config, 3, "cpu", tmp_path), whole)  # and when it is only loaded


def test_configs_whose_stages_begin_alike_train_the_same_network():
    single = train(TINY, 5, "cpu")
    multi = train(replace(TINY, curriculum=multi_head()), 5, "cpu")
    other = train(TINY, 6, "cpu")
    at_two = [trained.network_at(2).state_dict() for trained in (single, multi, other)]
    assert all(torch.equal(at_two[0][name], at_two[1][name]) for name in at_two[0])
    assert not all(torch.equal(at_two[0][name], at_two[2][name]) for name in at_two[0])


def test_the_history_says_what_was_practised_and_solved():
    trained = train(replace(TINY, curriculum=WINDOW), 0, "cpu")
    assert [epoch.spans for epoch in trained.history] == [(2, 3, 4), (4, 5, 6), (6, 7, 8), (8, 9, 10)]
    assert trained.solved == {2: 1, 3: 1, 4: 1, 5: 2, 6: 2, 7: 3, 8: 3, 9: 4, 10: 4}
    assert all(
        len(epoch.accuracy) == 3 and all(0 <= share <= 1 for share in epoch.accuracy) for epoch in trained.history
    )
    second = trained.network_at(5)
    assert TauSummary.of(second) == trained.history[1].tau
    assert TauSummary.of(trained.network) == trained.history[-1].tau
    assert not trained.network.training and not second.training
    refused("span: got 11, expected one that was solved: 2, 3, 4, 5", trained.network_at, 11)


def test_operations_are_counted():
    assert TINY.operations(10, 3) == 8 * (6 * 12**2 * 10 + 12 * 12 * 3)
    assert replace(TINY, network="lstm").operations(10, 0) == 4 * TINY.operations(10, 0)
    first, second, *_ = train(TINY, 0, "cpu").history
    assert TINY.operations(4 * 5, 4) <= first.operations < second.operations


def test_training_ends_at_the_largest_span_at_the_last_stage_or_after_all_epochs():
    def spans(config):
        return [epoch.spans for epoch in train(config, 0, "cpu").history]

    assert spans(replace(TINY, largest_span=3)) == [(2,), (3,)]
    assert spans(replace(TINY, curriculum=from_scratch(5))) == [(5,)]
    assert spans(replace(TINY, curriculum=from_scratch(5), threshold=0.999)) == [(5,)] * 4


def test_training_can_go_on_from_a_network_and_leaves_it_alone():
    begun = train(replace(TINY, epochs=1), 0, "cpu").network
    before = {name: tensor.clone() for name, tensor in begun.state_dict().items()}
    taught = train(replace(TINY, curriculum=from_scratch(4), epochs=1), 1, "cpu", start=begun).network
    assert all(torch.equal(tensor, before[name]) for name, tensor in begun.state_dict().items())
    tau = TauSummary.of(taught).mean
    assert tau != TauSummary.of(begun).mean and abs(tau - TauSummary.of(begun).mean) < 0.1


def test_a_run_that_is_no_longer_finite_stops_and_keeps_the_last_good_checkpoint(tmp_path, monkeypatch):
    draw, drawn = tasks.draw, []

    def spoil(*arguments, **named):
        bits, answers = draw(*arguments, **named)
        drawn.append(len(bits))
        return bits if len(drawn) < 11 else bits * torch.nan, answers

    config = replace(TINY, test_sequences=8)  # four steps and one test an epoch
    with monkeypatch.context() as patch:
        patch.setattr("brainlib.timescales.training.tasks.draw", spoil)
        with pytest.raises(FloatingPointError, match=r"span \d+, epoch \d, step \d: the loss is nan"):
            train(config, 0, "cpu", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.npz"]
    same(train(config, 0, "cpu", tmp_path), train(config, 0, "cpu"))


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    train(replace(TINY, epochs=1), 0, "cpu", tmp_path)
    with pytest.raises(ValueError, match="folder: got a checkpoint of another seed, 0, expected 1"):
        train(replace(TINY, epochs=1), 1, "cpu", tmp_path)
    with pytest.raises(ValueError, match="folder: got a checkpoint of another config"):
        train(replace(TINY, epochs=1, learning_rate=1.0), 0, "cpu", tmp_path)


@pytest.mark.parametrize("changes", [{}, {"tau": 2.0}, {"tau_form": "softplus"}, {"network": "gru"}])
def test_a_trained_network_survives_a_study(changes, tmp_path):
    config = replace(TINY, epochs=2, **changes)
    trained = train(config, 0, "cpu")
    packed = store.pack(trained.to_dict())
    store.write(tmp_path / "result", packed, {})
    again = TrainedNetwork.from_dict(config, store.read(tmp_path / "result"))
    same(again, trained)
    assert (again.seed, again.trained_on, again.solved) == (0, trained.trained_on, trained.solved)
    untrained = config.new_network(torch.Generator().manual_seed(0))
    assert all(a.equal(b) for a, b in zip(again.untrained().parameters(), untrained.parameters(), strict=True))


def test_a_small_network_learns_parity():
    config = replace(
        TINY, curriculum=multi_head(), units=48, batch_size=64, steps_per_epoch=60, epochs=20, largest_span=3,
        test_sequences=1024, threshold=0.98, learning_rate=0.2,
    )  # fmt: skip
    trained = train(config, 0, "cpu")
    assert trained.longest == 3
    assert trained.history[-1].accuracy[-1] > 0.98


def test_a_config_that_makes_no_sense_is_refused():
    refused("steps_per_epoch: got 0, expected a whole number of at least 1", replace, TINY, steps_per_epoch=0)
    refused("threshold: got 1.1, expected a share from 0 to 1", replace, TINY, threshold=1.1)
    refused("tau: got 1.0 of a gru network", replace, TINY, network="gru", tau=1.0)
    refused("heads: got 12", replace, TINY, curriculum=multi_head(), largest_span=30)
