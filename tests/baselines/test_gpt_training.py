"""The training hall carries a GPT's memory over a stream, and a run that was stopped goes on bit for bit."""

import pytest
import torch

from brainlib.baselines import GPT, GPTConfig
from brainlib.data import CoherentStreams
from brainlib.training import TrainingConfig, train

TEXT = (torch.arange(4000) ** 2 % 23).to(torch.uint8)  # the byte before decides which of two may follow


def trained(folder=None, stop_after=None, return_state=True, steps=8):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = GPT(GPTConfig(layers=2, dim=16, heads=2, vocab=23, dropout=0.1, memory=24))
    calls, remembered = [], []

    def loss(model, batch, state):
        calls.append(1)
        if len(calls) - 1 == stop_after:
            raise InterruptedError
        remembered.append(0 if state is None else state.keys.shape[3])
        _, value, state = model(*batch, state if return_state else None)
        return value, state

    config = TrainingConfig(steps=steps, learning_rate=1e-2, checkpoint_every=3)
    history = train(model, loss, CoherentStreams(TEXT, batch=4, length=10), config, folder=folder, progress=False)
    return model, history, remembered


def test_the_memory_is_carried_and_matters():
    _, history, remembered = trained()
    assert remembered == [0, 10, 20, 24, 24, 24, 24, 24]
    forgetful = trained(return_state=False)[1]
    assert forgetful.losses[0] == history.losses[0] and forgetful.losses[1] != history.losses[1]


def test_a_stopped_run_goes_on_bit_for_bit(tmp_path):
    model, history, _ = trained()
    with pytest.raises(InterruptedError):
        trained(tmp_path, stop_after=5)
    resumed, again, remembered = trained(tmp_path)
    assert remembered[0] == 24 and again.losses == history.losses
    assert all(map(torch.equal, resumed.state_dict().values(), model.state_dict().values()))


def test_it_learns():
    losses = trained(steps=60)[1].losses
    assert losses[0] > 3 and losses[-1] < 1
