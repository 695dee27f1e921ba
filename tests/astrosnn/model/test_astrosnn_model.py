"""The frame around every mixer, and the mixers of the field against their equations."""

import math
from dataclasses import replace

import pytest
import torch
from refusals import refused
from torch.nn.functional import cross_entropy

from brainlib.astrosnn import AMSUConfig, AstroSNN, AstroSNNConfig, matched
from brainlib.astrosnn.kernels.lif import lif_scan
from brainlib.astrosnn.mixers import MIXERS, RWKV, Attention, SpikeGPT
from brainlib.baselines.alibi import alibi_slopes
from brainlib.training.trees import leaves

SMALL = AstroSNNConfig(layers=2, dim=12, heads=3, vocab=20)


def model(**changes) -> AstroSNN:
    torch.manual_seed(0)
    return AstroSNN(replace(SMALL, **changes)).double()


def tokens(time=11, batch=2, seed=1):
    return torch.randint(20, (batch, time), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("changes", [{}, {"inputs": 3, "outputs": 5}])
def test_a_configuration_counts_the_parameters(changes):
    before = torch.get_rng_state()
    count = replace(SMALL, **changes).parameters
    assert torch.get_rng_state().equal(before)  # and draws none of them
    assert count == sum(parameter.numel() for parameter in model(**changes).parameters())


def test_the_units_switches_reach_it():
    config = replace(SMALL, unit=AMSUConfig(dim=8, heads=1, astrocyte="gated", reset="soft"))
    expected = AMSUConfig(dim=12, heads=3, astrocyte="gated", reset="soft")
    assert all(block.mixer.config == expected for block in AstroSNN(config).blocks)


@pytest.mark.parametrize(("mixer", "token_shift"), [*((mixer, True) for mixer in MIXERS), ("amsu", False)])
def test_in_two_parts_or_one_by_one_it_is_one_function(mixer, token_shift):
    network, text = model(mixer=mixer, token_shift=token_shift), tokens()
    whole, _, after = network(text)
    first, _, middle = network(text[:, :4])
    second, _, last = network(text[:, 4:], state=middle)
    torch.testing.assert_close(torch.cat((first, second), 1), whole, rtol=1e-10, atol=1e-12)

    logits, state = [], None
    for token in text.unbind(1):
        one, state = network.step(token, state)
        logits.append(one)
    torch.testing.assert_close(torch.stack(logits, 1), whole, rtol=1e-10, atol=1e-12)
    for ours, theirs, expected in zip(*(leaves(each, "state") for each in (state, last, after)), strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(theirs, expected, rtol=1e-10, atol=1e-12)
    assert network(text, return_state=False)[2] is None


@pytest.mark.parametrize("mixer", MIXERS)
def test_it_keeps_as_much_as_it_says(mixer):
    network = model(mixer=mixer)
    for time in (1, 9):
        state = network(tokens(time))[2]
        assert sum(tensor[0].numel() for tensor in leaves(state, "state")) == network.state_size(time)
    assert (network.state_size(9) == network.state_size(1)) == (mixer != "attention")


@pytest.mark.parametrize("mixer", MIXERS)
def test_every_weight_learns(mixer):
    network = model(mixer=mixer, dim=24)
    network(tokens(30, batch=4), tokens(30, batch=4, seed=2))[1].backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in network.parameters())


@pytest.mark.parametrize("mixer", MIXERS)
def test_products_in_half_precision_leave_states_whole(mixer):
    network = model(mixer=mixer).float()
    with torch.autocast("cpu", torch.bfloat16):
        _, _, state = network(tokens())
        logits, loss, after = network(tokens(), tokens(seed=2), state=state)
    loss.backward()
    assert all(weight.grad.isfinite().all() for weight in network.parameters())
    assert after.blocks[0].previous.dtype == torch.float32
    assert logits.isfinite().all()


def test_targets_that_do_not_count_are_left_out():
    network, targets = model(), tokens(seed=2)
    targets[:, ::2] = -100
    logits, loss, _ = network(tokens(), targets)
    expected = cross_entropy(logits[:, 1::2].flatten(0, 1), targets[:, 1::2].flatten())
    torch.testing.assert_close(loss, expected)


def test_it_reads_vectors():
    network = model(inputs=3, outputs=4)
    vectors = torch.randn(2, 6, 3, dtype=torch.float64)
    logits, _, _ = network(vectors, torch.randint(4, (2, 6)))
    assert logits.shape == (2, 6, 4)
    torch.testing.assert_close(network.step(vectors[:, 5], network(vectors[:, :5])[2])[0], logits[:, 5])


@pytest.mark.parametrize("mixer", MIXERS)
def test_other_mixers_get_as_many_parameters(mixer):
    config = AstroSNNConfig()
    other = matched(config, mixer)
    assert abs(other.parameters / config.parameters - 1) < 0.005
    assert replace(other, mixer="amsu", dim=config.dim, hidden=None) == config


def test_a_frame_too_small_to_match_is_refused():
    with pytest.raises(ValueError, match=r"config: has \d+ parameters, gru comes no nearer than"):
        matched(AstroSNNConfig(layers=9, dim=4, heads=4, vocab=2, hidden=1, mixer="lif"), "gru")


def test_unfit_sizes_are_named():
    refused("dim: got 10, expected a multiple of heads = 3", replace, SMALL, dim=10)
    refused("layers: got 0", replace, SMALL, layers=0)
    refused("mixer: got 'lstm', expected one of amsu", replace, SMALL, mixer="lstm")
    refused("unit: got switches for the mixer 'gru'", replace, SMALL, mixer="gru", unit=AMSUConfig(dim=12))


def test_unfit_sequences_are_named(unchecked):
    refused("tokens: got values from 20 to 20, expected 0 to 19", model(inputs=0), torch.full((2, 3), 20))
    refused("tokens: got dtype torch.float32", model(inputs=0), torch.zeros(2, 3))
    refused(r"targets: got shape \(2, 4\), expected that of tokens \(2, 11\)", model(inputs=0), tokens(), tokens(4))
    refused("targets: got values .* expected 0 to 19", model(inputs=0), tokens(), tokens() + 20)
    refused(r"vectors: got shape \(2, 5, 4\)", model(inputs=3), torch.zeros(2, 5, 4).double())
    refused("vectors: got dtype torch.float32", model(inputs=3), torch.zeros(2, 5, 3))


@pytest.mark.parametrize("mixer", MIXERS)
def test_states_of_another_batch_size_dtype_or_frame_are_refused(unchecked, mixer):
    network = model(mixer=mixer)
    others = [
        network(tokens(batch=3))[2],
        model(mixer=mixer).float()(tokens())[2],
        model(mixer=mixer, dim=24)(tokens())[2],
        model(mixer=mixer, layers=3)(tokens())[2],
        model(mixer=mixer, token_shift=False)(tokens())[2],
    ]
    for state in others:
        with pytest.raises(ValueError, match="state"):
            network.step(tokens()[:, 0], state)
        with pytest.raises(ValueError, match="state"):
            network(tokens(), state=state)


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
