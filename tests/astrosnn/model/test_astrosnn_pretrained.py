"""A model in a folder: saved, loaded, and what is wrong with a folder by its name."""

import json

import pytest
import torch

from brainlib.astrosnn import AMSUConfig, AstroSNN, AstroSNNConfig

CONFIG = AstroSNNConfig(layers=1, dim=8, heads=2, unit=AMSUConfig(8, heads=2, astrocyte="gated"))
TOKENS = torch.arange(12)[None]


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    AstroSNN(CONFIG).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_was_saved_is_loaded(tmp_path, dtype):
    model = AstroSNN(CONFIG).to(dtype).eval()
    model.save_pretrained(tmp_path)
    again = AstroSNN.from_pretrained(tmp_path)
    assert again.config == CONFIG and not again.training and again.readout.weight.requires_grad
    assert again(TOKENS)[0].equal(model(TOKENS)[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dim": 9}, "config.json: dim: got 9, expected a multiple of heads = 2"),
        ({"unit": {"dim": 8}}, r"config.json: 'unit\.\w+' is missing"),
        ({"hidden": 12}, r"'blocks.0.feedforward.\w+.weight' has shape \(.*\), expected \(.*12.*\) by config.json"),
    ],
)
def test_a_wrong_configuration_is_named(folder, change, message):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match=message):
        AstroSNN.from_pretrained(folder)
