"""The mixers of the field against their equations."""

import math

import pytest
import torch

from brainlib.astrosnn.kernels.lif import lif_scan
from brainlib.astrosnn.mixers import RWKV, Attention, SpikeGPT
from brainlib.baselines.alibi import alibi_slopes


@pytest.fixture
def x():
    return torch.randn(2, 9, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_attention_is_a_softmax_over_the_past(x):
    torch.manual_seed(0)
    attention = Attention(8, 2).double()
    query, key, value = (part.unflatten(2, (2, 4)) for part in attention.attention(x).chunk(3, 2))
    heard = torch.zeros_like(query)
    for t in range(9):
        for head, slope in enumerate(alibi_slopes(2)):
            score = (query[:, t, None, head] * key[:, : t + 1, head]).sum(-1) / math.sqrt(4)
            weight = (score - slope * torch.arange(t, -1, -1)).softmax(1)
            heard[:, t, head] = (weight[..., None] * value[:, : t + 1, head]).sum(1)
    torch.testing.assert_close(attention(x)[0], attention.output(heard.flatten(2)))


def test_the_cache_grows_by_doubling_and_is_read_only_where_it_is_written(x, poisoned):
    torch.manual_seed(0)
    attention = Attention(8, 2).double()
    expected = attention(x)[0]
    with torch.no_grad():
        _, state = attention(x[:, :2])
        rooms = []
        for t in range(2, 9):
            y, state = attention.step(x[:, t], state)
            torch.testing.assert_close(y, expected[:, t])
            rooms.append(state.keys.shape[2])
        torch.testing.assert_close(attention(x[:, 5:], state._replace(length=5))[0], expected[:, 5:])
    assert rooms == [4, 4, 8, 8, 8, 8, 16] and state.length == 9


def test_with_gradients_a_step_changes_nothing(x):
    torch.manual_seed(0)
    attention = Attention(8, 2).double()
    _, state = attention(x[:, :8])
    before = state.keys.clone()
    y, after = attention.step(x[:, 8], state)
    y.sum().backward()
    assert state.keys.equal(before) and after.length == 9 and attention.attention.weight.grad.abs().sum() > 0


def test_spikegpt_is_rwkv_with_neurons_behind(x):
    torch.manual_seed(0)
    spikegpt, rwkv = SpikeGPT(8).double(), RWKV(8).double()
    rwkv.load_state_dict(spikegpt.average.state_dict())
    x = 8 * x
    spikes, state = spikegpt(x)
    expected, membrane = lif_scan(rwkv(x)[0] / 2, detach_reset=False)
    assert spikes.equal(expected) and state.membrane.equal(membrane)
    assert set(spikes.unique().tolist()) == {0.0, 1.0}
