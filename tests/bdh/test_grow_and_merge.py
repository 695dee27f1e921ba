"""Models joined side by side, and grown by silent neurons."""

from dataclasses import replace

import pytest
import torch
from refusals import refused

from brainlib.bdh import BDH, BDHConfig
from brainlib.bdh.surgery import grow, merge

CONFIG = BDHConfig(layers=3, dim=16, heads=2, neurons=64, vocab=40, dropout=0.0)


def model(seed: int, neurons: int = 64) -> BDH:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = BDH(replace(CONFIG, neurons=neurons)).double().eval()
    with torch.no_grad():
        for weight in made.parameters():
            weight.mul_(15)
        made.decoder_x.mul_(1000)  # scores far above the eps of LayerNorm, at which scaling a part is exact
    return made


@torch.no_grad()
def logits(model: BDH, tokens: torch.Tensor) -> torch.Tensor:
    return model(tokens, return_state=False)[0]


def test_neurons_follow_each_other_within_heads_and_the_rest_is_averaged():
    first, second, third = model(0), model(1, neurons=32), model(2)
    merged = merge([first, second, third])
    assert merged.config == replace(CONFIG, neurons=160) and not merged.training
    places = {first: slice(0, 32), second: slice(32, 48), third: slice(48, 80)}
    for part, place in places.items():
        assert merged.decoder_x[..., place].equal(part.decoder_x)
        assert merged.decoder_y[..., place].equal(part.decoder_y)
        assert merged.encoder[:, place].equal(part.encoder)
        assert merged.frequencies[place.start // 2 : place.stop // 2].equal(part.frequencies)
    mean = (first.embedding + second.embedding + third.embedding) / 3
    torch.testing.assert_close(merged.embedding, mean)
    assert all(weight.requires_grad for weight in merged.parameters())


def test_a_model_merged_with_itself_computes_the_same(tokens):
    alone = model(0)
    torch.testing.assert_close(logits(merge([alone] * 3), tokens), logits(alone, tokens), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("which", [0, 1])
def test_a_model_with_all_the_weight_is_alone(tokens, which):
    parts = [model(0), model(1, neurons=32)]
    merged = merge(parts, weights=[float(which == 0), float(which == 1)])
    torch.testing.assert_close(logits(merged, tokens), logits(parts[which], tokens), rtol=1e-6, atol=1e-6)
    assert (logits(merged, tokens) - logits(parts[1 - which], tokens)).abs().max() > 1


def test_fading_synapses_go_on_fading():
    fading = BDH(replace(CONFIG, decay=(0.01, 0.125)))
    merged = merge([fading, fading])
    assert merged.config.decay == (0.01, 0.125)
    refused(r"models: got BDHConfig.*decay=None.* at 1, expected", merge, [fading, BDH(CONFIG)])


def test_what_cannot_be_merged():
    refused("models: got 1, expected at least 2", merge, [model(0)], None)
    refused("models: got torch.float32 on cpu at 1", merge, [model(0), model(1).float()], None)
    refused(r"weights: got \[1.0\], expected 2 finite numbers", merge, [model(0), model(1)], [1.0])
    refused(r"weights: got \[1.0, nan\]", merge, [model(0), model(1)], [1.0, float("nan")])


@pytest.mark.parametrize("neurons", [4, 64])
def test_growth_changes_nothing_at_first(small, tokens, neurons):
    grown = grow(small, neurons, seed=3)
    assert grown.config.neurons == 64 + neurons
    with torch.no_grad():
        before, _, state = small(tokens)
        after, _, grown_state = grown(tokens)
        torch.testing.assert_close(after, before, rtol=1e-10, atol=1e-10)
        later = small(tokens, state=state)[0]
        torch.testing.assert_close(grown(tokens, state=grown_state)[0], later, rtol=1e-10, atol=1e-10)


def test_new_neurons_are_silent_but_excited_and_can_learn(small, tokens):
    grown = grow(small, 32)
    grown(tokens[:, :-1], tokens[:, 1:])[1].backward()
    assert not grown.encoder[:, 32:].any()
    assert (grown.encoder.grad[:, 32:].abs().amax(-1) > 0).double().mean() > 0.5
    with torch.no_grad():
        grown.encoder -= 0.1 * grown.encoder.grad
    grown.zero_grad()
    grown(tokens[:, :-1], tokens[:, 1:])[1].backward()
    pairs = {int(f): i for i, f in reversed(list(enumerate(grown.frequencies[:16])))}
    parents = [2 * pairs[int(f)] for f in grown.frequencies[16:]]
    old, fresh = grown.decoder_x.grad[..., parents], grown.decoder_x.grad[..., 32::2]
    assert grown.decoder_x[..., parents].equal(grown.decoder_x[..., 32::2])
    assert (old - fresh).abs().max() > 1e-3 * old.abs().max()  # the two of a split pair part


def test_the_model_and_the_random_numbers_are_left_as_they_were(small, tokens):
    with torch.no_grad():
        before, state = small(tokens)[0], torch.get_rng_state()
        grown = grow(small, 64)
        assert torch.get_rng_state().equal(state)
        grown.embedding.zero_()
        assert small(tokens)[0].equal(before)
    assert grow(small, 64, seed=1).decoder_y.equal(grow(small, 64, seed=1).decoder_y)
    assert not grow(small, 64, seed=1).decoder_y.equal(grow(small, 64, seed=2).decoder_y)


@pytest.mark.parametrize("neurons", [0, 6, 68])
def test_impossible_growth(small, neurons):
    with pytest.raises(ValueError, match=f"neurons: got {neurons}, expected a multiple of 2 \\* heads = 4, up to 64"):
        grow(small, neurons)
