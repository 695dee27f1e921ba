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
        ({"colour": "red"}, "config.json: colour: unknown key"),
        ({"dim": 9}, "config.json: dim: got 9, expected a multiple of heads = 2"),
        ({"unit": {"dim": 8}}, r"config.json: unit\.\w+: missing"),
        ({"hidden": 12}, r"model.safetensors: blocks.0.feedforward.up.weight: got \(32, 8\), expected \(12, 8\)"),
    ],
)
def test_a_wrong_configuration_is_named(folder, change, message):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match=message):
        AstroSNN.from_pretrained(folder)


def test_missing_files_and_keys_are_named(folder):
    path = folder / "config.json"
    content = json.loads(path.read_text())
    del content["layers"]
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"config.json: layers: missing"):
        AstroSNN.from_pretrained(folder)
    path.write_text("{")
    with pytest.raises(ValueError, match=r"config.json: Expecting"):
        AstroSNN.from_pretrained(folder)
    path.unlink()
    with pytest.raises(ValueError, match=r"config.json: .*No such file"):
        AstroSNN.from_pretrained(folder)
    AstroSNN(CONFIG).save_pretrained(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(ValueError, match=r"model.safetensors: .*No such file"):
        AstroSNN.from_pretrained(folder)
