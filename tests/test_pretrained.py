"""Models in folders: what comes back, and what is wrong with a folder that is none."""

import json

import pytest
import torch
from refusals import refused
from safetensors.torch import load_file, save_file

from brainlib.astrosnn import AMSUConfig, AstroSNN, AstroSNNConfig
from brainlib.baselines import GPT, GPTConfig
from brainlib.bdh import BDH, BDHConfig
from brainlib.bdh.surgery import merge

MODELS = {
    "BDH": lambda: BDH(BDHConfig(layers=2, dim=8, heads=2, neurons=16, decay=(0.1, 0.01))),
    "merged": lambda: merge([BDH(BDHConfig(layers=1, dim=8, heads=2, neurons=16)).bfloat16() for _ in range(2)]),
    "AstroSNN": lambda: AstroSNN(AstroSNNConfig(layers=1, dim=8, heads=2, unit=AMSUConfig(8, 2, astrocyte="gated"))),
    "GPT": lambda: GPT(GPTConfig(layers=2, dim=8, heads=2, memory=16)),
}


@pytest.mark.parametrize("name", MODELS)
def test_what_is_saved_comes_back(name, tmp_path):
    model = MODELS[name]()
    model.save_pretrained(tmp_path / "new" / "folder")
    before = torch.get_rng_state()
    again = type(model).from_pretrained(tmp_path / "new" / "folder")
    assert torch.get_rng_state().equal(before)
    assert again.config == model.config and not again.training
    found, expected = again.state_dict(), model.state_dict()
    assert found.keys() == expected.keys()
    assert all(found[key].equal(expected[key]) and found[key].dtype == expected[key].dtype for key in expected)
    assert again.generate("a", 3, temperature=0.0) == model.generate("a", 3, temperature=0.0)


def test_int8_takes_a_quarter_and_comes_back_within_a_step(tmp_path):
    model = MODELS["BDH"]()
    model.save_pretrained(tmp_path, int8=True)
    kept, again = load_file(tmp_path / "model.safetensors"), BDH.from_pretrained(tmp_path).state_dict()
    assert all(kept[name].dtype == torch.int8 for name, _ in model.named_parameters())
    for name, weight in model.state_dict().items():
        step = weight.abs().amax(-1, keepdim=True) / 127 if weight.ndim > 1 else 0
        assert again[name].dtype == weight.dtype and ((again[name] - weight).abs() <= 0.501 * step).all()


def test_a_name_is_a_folder_or_a_model_that_comes_with_the_class(tmp_path, monkeypatch):
    refused(r"folder: got 'hatchlin'", BDH.from_pretrained, "hatchlin")
    refused(r"folder: got 'hatchling'", GPT.from_pretrained, "hatchling")
    shipped = BDH.from_pretrained("hatchling")
    assert shipped.config.parameters == 1_638_400 and shipped.embedding.dtype == torch.float32
    monkeypatch.chdir(tmp_path)
    MODELS["BDH"]().save_pretrained("hatchling")
    assert BDH.from_pretrained("hatchling").config.dim == 8


def change_config(**changes):
    def apply(folder):
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return apply


def change_weights(change):
    def apply(folder):
        weights = load_file(folder / "model.safetensors")
        change(weights)
        save_file(weights, folder / "model.safetensors")

    return apply


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "config.json").unlink(), r"config.json: cannot be read"),
        (lambda folder: (folder / "config.json").write_text("{"), r"config.json: cannot be read"),
        (change_config(width=3), "config.json: 'width' is unknown"),
        (change_config(model="GPT"), "config.json: 'model' is 'GPT', expected 'BDH'"),
        (change_config(dim=16), r"model.safetensors: not the weights (.|\n)* mismatch for decoder_x"),
        (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors: cannot be read"),
        (change_weights(lambda weights: weights.pop("readout")), "Missing key.*readout"),
        (change_weights(lambda weights: weights.update(more=torch.ones(1))), "Unexpected key.*more"),
    ],
)
def test_a_folder_that_does_not_fit_is_named(damage, message, tmp_path):
    MODELS["BDH"]().save_pretrained(tmp_path)
    damage(tmp_path)
    with pytest.raises(ValueError, match=message):
        BDH.from_pretrained(tmp_path)


def test_a_missing_field_of_a_part_is_named(tmp_path):
    MODELS["AstroSNN"]().save_pretrained(tmp_path)
    change_config(unit={"dim": 8})(tmp_path)
    refused(r"config.json: 'unit\.\w+' is missing", AstroSNN.from_pretrained, tmp_path)
