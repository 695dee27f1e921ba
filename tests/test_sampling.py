"""Drawing tokens; text of every model that writes; and models in folders: what comes back, and what does not fit."""

import json
import math

import pytest
import torch
from refusals import refused
from safetensors.torch import load_file, save_file

from brainlib.astrosnn import AMSUConfig, AstroSNN, AstroSNNConfig
from brainlib.baselines import GPT, GPTConfig
from brainlib.bdh import BDH, BDHConfig
from brainlib.bdh.surgery import merge
from brainlib.sampling import _Letters, check_sampling, sample
from brainlib.training.trees import leaves


def drawn(logits, temperature, top_k) -> set[int]:
    rows = torch.tensor(logits).expand(400, -1)
    return set(sample(rows, temperature, top_k, torch.Generator().manual_seed(0)).tolist())


def test_of_tied_tokens_at_most_k_are_drawn():
    tied = [0.0, 2.0, 2.0, 2.0, 2.0]
    assert drawn(tied, 1.0, 1) == {1}
    assert len(drawn(tied, 1.0, 2)) == 2 and 0 not in drawn(tied, 1.0, 2)
    assert drawn(tied, 1.0, None) >= {1, 2, 3, 4}


def test_one_token_is_greedy_where_autocast_rounds():
    torch.manual_seed(0)
    model = BDH(BDHConfig(layers=1, dim=8, heads=1, neurons=16, vocab=40, dropout=0.0))
    prompt = torch.randint(40, (50, 4))
    with torch.autocast("cpu", torch.bfloat16):
        greedy, first = model.generate(prompt, 3, temperature=0.0), model.generate(prompt, 3, top_k=1)
    assert first.equal(greedy)


def test_temperatures_at_the_edges():
    logits = [0.0, 3.0, 2.0, 90.0, 89.9]
    for cold in (0.0, 1e-45, 1e-300, 1e-37, 1e-6):
        assert drawn(logits, cold, None) == drawn(logits, cold, 3) == {3}
    assert drawn(logits, math.inf, None) == {0, 1, 2, 3, 4}
    assert drawn(logits, math.inf, 3) == {1, 3, 4}


@pytest.mark.parametrize("temperature", [math.nan, -1.0, -math.inf])
def test_what_is_no_temperature_is_named(temperature):
    with pytest.raises(ValueError, match=f"temperature: got {temperature}, expected at least 0"):
        check_sampling(1, temperature, None, None, 9)


def test_top_p_keeps_the_fewest_that_hold_it():
    chances = torch.tensor([[0.5, 0.3, 0.15, 0.05]])
    generator = torch.Generator().manual_seed(0)
    for top_p, kept in ((0.4, {0}), (0.6, {0, 1}), (0.9, {0, 1, 2}), (1.0, {0, 1, 2, 3})):
        rows = chances.double().log().expand(600, -1)
        assert set(sample(rows, 1.0, None, generator, top_p).tolist()) == kept
    assert set(sample(rows, 1.0, 2, generator, 0.95).tolist()) == {0, 1}


FRAME = {"layers": 2, "dim": 12, "heads": 2, "vocab": 256}
MODELS = {
    "BDH": lambda: BDH(BDHConfig(**FRAME, neurons=64, dropout=0.0)),
    "BDH, fading": lambda: BDH(BDHConfig(**FRAME, neurons=64, dropout=0.0, decay=(0.2, 0.01))),
    "GPT": lambda: GPT(GPTConfig(**FRAME, dropout=0.0, memory=6)),
    "AstroSNN": lambda: AstroSNN(AstroSNNConfig(**FRAME)),
    "AstroSNN, attention": lambda: AstroSNN(AstroSNNConfig(**FRAME, mixer="attention")),
}
PROMPT = torch.tensor([list(b"the membrane forgets, "), list(b"the astrocyte remembers"[:22])])


@pytest.fixture(params=MODELS)
def model(request):
    """In float64, with weights so large that every layer changes what is written."""
    torch.manual_seed(0)
    made = MODELS[request.param]().double()
    with torch.no_grad():
        for weight in made.parameters():
            weight.mul_(8 if weight.ndim > 1 else 1)
    return made


def assert_same_state(model, found, expected):
    """Whatever is read from here on gives the same."""
    one, other = (model(PROMPT, state=state)[0] for state in (found, expected))
    torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_greedy_text_is_what_reading_it_again_gives(model):
    text, state = model.generate(PROMPT, 9, temperature=0.0, return_state=True)
    assert model.training and text[:, :22].equal(PROMPT)
    for place in range(22, 31):
        assert text[:, place].equal(model(text[:, :place])[0][:, -1].argmax(-1))
    assert_same_state(model, state, model(text)[2])


def test_the_prompt_is_read_once(model):
    lengths = []
    model.register_forward_pre_hook(lambda _, given: lengths.append(given[0].shape[1]))
    model.generate(PROMPT, 5)
    assert lengths[0] == 22 and max(lengths[1:], default=1) == 1


def test_a_text_in_two_parts_is_the_text_in_one(model):
    whole, end = model.generate(PROMPT, 9, temperature=0.0, return_state=True)
    first, state = model.generate(PROMPT[:, :20], 0, return_state=True)
    before = [tensor.clone() for tensor in leaves(state, "state")]
    again, later = model.generate(PROMPT[:, 20:], 9, temperature=0.0, state=state, return_state=True)
    assert first.equal(PROMPT[:, :20]) and again.equal(whole[:, 20:])
    assert all(map(torch.equal, before, leaves(state, "state")))
    assert_same_state(model, later, end)


def test_a_generator_repeats_its_text(model):
    one, two, other = (model.generate(PROMPT, 9, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert one.equal(two) and not one.equal(other)


def test_text_streams_and_stops():
    torch.manual_seed(0)
    model = MODELS["BDH"]()

    def written(prompt, **options):
        return model.generate(prompt, 40, generator=torch.Generator().manual_seed(1), **options)

    pieces = []
    assert written("To be, ", stream=pieces.append).startswith("To be, ") and len(pieces) > 1
    drawn = written(PROMPT[:1])
    stop = int(drawn[0, 40])
    assert written(PROMPT[:1], stop=stop).equal(drawn[:, : 23 + drawn[0, 22:].tolist().index(stop)])


def test_letters_of_several_bytes_are_told_whole():
    pieces = []
    tell = _Letters(pieces.append)
    for byte in "aé€".encode() + b"\xe2":
        tell(torch.tensor([byte]))
    tell(None)
    assert pieces == ["a", "é", "€", "\ufffd"]


def test_the_state_of_something_else_is_named(model):
    for state in (torch.zeros(3), (1, 2), {"position": 3}):
        message = f"state: got {type(state).__name__}, expected {type(model).__name__}State, as `return_state`"
        refused(message, model.generate, "To be", 1, state=state)


def test_unfit_arguments_are_named(unchecked):
    model = BDH(BDHConfig(layers=1, dim=8, heads=1, neurons=16, vocab=40))
    refused("prompt: got an empty text", model.generate, "", max_new_tokens=1)
    refused("prompt: got bytes, expected text", model.generate, b"To be", max_new_tokens=1)
    refused("prompt: got list, expected text", model.generate, [84, 111], max_new_tokens=1)
    refused("max_new_tokens: got -1", model.generate, PROMPT, max_new_tokens=-1)
    refused("top_k: got 41, expected 1 to 40", model.generate, PROMPT, max_new_tokens=1, top_k=41)
    refused("top_p: got 0.0, expected more than 0 and at most 1", model.generate, PROMPT, max_new_tokens=1, top_p=0.0)
    refused("got text for a model of 40 tokens, expected 256", model.generate, "a", max_new_tokens=1)
    refused("stop: got ", model.generate, PROMPT, max_new_tokens=1, stop="")


def test_only_a_model_of_tokens_writes():
    refused(r"(model|vectors): ", AstroSNN(AstroSNNConfig(layers=1, dim=4, **{"inputs": 3})).generate, PROMPT, 1)
    refused(r"(model|vectors): ", AstroSNN(AstroSNNConfig(layers=1, dim=4, **{"outputs": 5})).generate, PROMPT, 1)


KEPT = {
    "BDH": lambda: BDH(BDHConfig(layers=2, dim=8, heads=2, neurons=16, decay=(0.1, 0.01))),
    "merged": lambda: merge([BDH(BDHConfig(layers=1, dim=8, heads=2, neurons=16)).bfloat16() for _ in range(2)]),
    "AstroSNN": lambda: AstroSNN(AstroSNNConfig(layers=1, dim=8, heads=2, unit=AMSUConfig(8, 2, astrocyte="gated"))),
    "GPT": lambda: GPT(GPTConfig(layers=2, dim=8, heads=2, memory=16)),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_is_saved_comes_back(name, tmp_path):
    model = KEPT[name]()
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
    model = KEPT["BDH"]()
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
    KEPT["BDH"]().save_pretrained("hatchling")
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


def test_a_folder_that_does_not_fit_is_named(tmp_path):
    def wrong(message, damage):
        KEPT["BDH"]().save_pretrained(tmp_path)
        damage(tmp_path)
        refused(message, BDH.from_pretrained, tmp_path)

    wrong("config.json: cannot be read", lambda folder: (folder / "config.json").unlink())
    wrong("config.json: cannot be read", lambda folder: (folder / "config.json").write_text("{"))
    wrong("config.json: 'width' is unknown", change_config(width=3))
    wrong("config.json: 'model' is 'GPT', expected 'BDH'", change_config(model="GPT"))
    wrong(r"model.safetensors: not the weights (.|\n)* mismatch for decoder_x", change_config(dim=16))
    wrong("model.safetensors: cannot be read", lambda folder: (folder / "model.safetensors").unlink())
    wrong("Missing key.*readout", change_weights(lambda weights: weights.pop("readout")))
    wrong("Unexpected key.*more", change_weights(lambda weights: weights.update(more=torch.ones(1))))


def test_a_missing_field_of_a_part_is_named(tmp_path):
    KEPT["AstroSNN"]().save_pretrained(tmp_path)
    change_config(unit={"dim": 8})(tmp_path)
    refused(r"config.json: 'unit\.\w+' is missing", AstroSNN.from_pretrained, tmp_path)
