import pytest
import torch

from brainlib.bdh.surgery import grow


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
