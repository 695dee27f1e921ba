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


TOKENS = torch.randint(40, (2, 37), generator=torch.Generator().manual_seed(1))
OTHER = BDH(BDHConfig(layers=2, dim=16, heads=2, neurons=64, vocab=40)).double().initial_state(2)
STATE = torch.zeros(3, 2, 2, 32, 16)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tokens": torch.full((1, 3), 40)}, "tokens: got values from 40 to 40, expected 0 to 39"),
        ({"tokens": torch.zeros(1, 3, dtype=torch.int16)}, "tokens: got dtype torch.int16"),
        ({"targets": TOKENS[:, 1:]}, r"targets: got shape \(2, 36\), expected that of tokens \(2, 37\)"),
        ({"state": OTHER}, r"state: got synapses of shape \(2, 2, 2, 32, 16\), expected .* \(3, 2, 2, 32, 16\)"),
        ({"state": BDHState(torch.tensor(0), STATE[:, :1].double())}, "state: got synapses of shape"),
        ({"state": BDHState(torch.tensor(0), STATE)}, "state: got synapses of torch.float32, expected torch.float64"),
        ({"chunk_size": 0}, "chunk_size: got 0"),
    ],
)
def test_what_cannot_be_read(unchecked, small, given, message):
    with pytest.raises(ValueError, match=message):
        small(**{"tokens": TOKENS} | given)


def test_fading_synapses_have_no_official_form(fading):
    with pytest.raises(ValueError, match=r"decay: got \(0.2, 0.01\), expected None"):
        fading.to_official()
