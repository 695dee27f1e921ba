import pytest
import torch

from brainlib.bdh import BDH, BDHConfig, BDHState


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"layers": 0}, "layers: got 0, expected a whole number of at least 1"),
        ({"neurons": 32770}, "neurons: got 32770, expected a multiple of 2 \\* heads = 8"),
        ({"dropout": 1.0}, "dropout: got 1.0"),
        ({"decay": (0.1,)}, r"decay: got \(0.1,\), expected None or 4 numbers >= 0, one a head"),
    ],
)
def test_impossible_sizes(fields, message):
    with pytest.raises(ValueError, match=message):
        BDHConfig(**fields)


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (torch.full((1, 3), 40), "tokens: got values from 40 to 40, expected 0 to 39"),
        (torch.zeros(1, 3, dtype=torch.int16), "tokens: got dtype torch.int16"),
    ],
)
def test_tokens_that_are_none(small, tokens, message):
    with pytest.raises(ValueError, match=message):
        small(tokens)


def test_targets_of_another_shape(unchecked, small, tokens):
    with pytest.raises(ValueError, match=r"targets: got shape \(2, 36\), expected that of tokens \(2, 37\)"):
        small(tokens, tokens[:, 1:])


def test_a_state_of_another_model_or_batch(small, tokens):
    other = BDH(BDHConfig(layers=2, dim=16, heads=2, neurons=64, vocab=40)).double()
    with pytest.raises(
        ValueError, match=r"state: got synapses of shape \(2, 2, 2, 32, 16\), expected .* \(3, 2, 2, 32, 16\)"
    ):
        small(tokens, state=other.initial_state(2))
    with pytest.raises(ValueError, match="state: got synapses of shape"):
        small(tokens, state=small.initial_state(1))
    with pytest.raises(ValueError, match=r"state: got synapses of torch.float32, expected torch.float64"):
        small(tokens, state=BDHState(torch.tensor(0), small.initial_state(2).synapses.float()))


def test_chunks_of_nothing(small, tokens):
    with pytest.raises(ValueError, match="chunk_size: got 0"):
        small(tokens, chunk_size=0)


def test_fading_synapses_have_no_official_form(fading):
    with pytest.raises(ValueError, match=r"decay: got \(0.2, 0.01\), expected None"):
        fading.to_official()
