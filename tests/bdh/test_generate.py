import copy

import pytest
import torch

from benchmarks.official_bdh import OfficialBDH
from brainlib.bdh import BDH, BDHConfig


def test_greedy_text_is_what_recomputing_the_prefix_gives():
    torch.manual_seed(0)
    formula = OfficialBDH(layers=2, dim=16, heads=2, neurons=64, dropout=0.0).double()
    prompt = torch.randint(256, (2, 9))
    generated = BDH.from_official(formula.state_dict(), layers=2).generate(prompt, 12, temperature=0.0)
    assert generated.equal(formula.generate(prompt, 12))


def test_a_generator_repeats_its_text_and_the_mode_is_kept(small, tokens):
    small.train()
    first, second, other = (
        small.generate(tokens, 20, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert first.equal(second) and not first.equal(other)
    assert first[:, : tokens.shape[1]].equal(tokens) and first.shape == (2, tokens.shape[1] + 20)
    assert small.training


def test_a_text_in_two_parts_is_the_text_in_one(either, tokens):
    whole, end = either.generate(tokens, 9, temperature=0.0, return_state=True)
    first, state = either.generate(tokens[:, :20], 0, return_state=True)
    before = state.synapses.clone()
    again, later = either.generate(tokens[:, 20:], 9, temperature=0.0, state=state, return_state=True)
    assert first.equal(tokens[:, :20]) and again.equal(whole[:, 20:]) and state.synapses.equal(before)
    _, _, read = either(whole)
    for found in (end, later):
        assert int(found.position) == whole.shape[1]
        torch.testing.assert_close(found.synapses, read.synapses, rtol=1e-9, atol=1e-9)


def test_text_streams_and_stops():
    torch.manual_seed(0)
    model, pieces = BDH(BDHConfig(layers=1, dim=8, heads=2, neurons=16)).eval(), []
    generator = torch.Generator().manual_seed(1)
    text = model.generate("To be, ", 40, generator=generator, stream=pieces.append)
    assert text.startswith("To be, ") and len(pieces) > 1
    tokens = torch.tensor([list(b"To be, ")])
    drawn = model.generate(tokens, 40, generator=torch.Generator().manual_seed(1))
    stop = int(drawn[0, 20])
    short = model.generate(tokens, 40, generator=torch.Generator().manual_seed(1), stop=stop)
    first = 8 + drawn[0, 7:].tolist().index(stop)
    assert short.equal(drawn[:, :first])
    with pytest.raises(ValueError, match="stop: got an empty text"):
        model.generate("a", 1, stop="")


def test_letters_of_several_bytes_are_told_whole():
    from brainlib.sampling import _Letters

    pieces = []
    tell = _Letters(pieces.append)
    for byte in "aé€".encode() + b"\xe2":
        tell(torch.tensor([byte]))
    tell(None)
    assert pieces == ["a", "é", "€", "\ufffd"]


def test_half_precision_is_close(fading, tokens):
    half = copy.deepcopy(fading).to(torch.bfloat16)
    rounded = copy.deepcopy(half).double()
    logits, _, state = half(tokens)
    expected, _, whole = rounded(tokens)
    assert logits.dtype == state.synapses.dtype == torch.float32
    assert (logits - expected).norm() < 0.1 * expected.norm()
    assert (state.synapses - whole.synapses).norm() < 0.1 * whole.synapses.norm()
    assert half.generate(tokens, 5, state=state).shape == (2, tokens.shape[1] + 5)


def test_nothing_is_read_again(small, tokens, monkeypatch):
    read, lengths = BDH.read, []
    monkeypatch.setattr(BDH, "read", lambda self, part, *rest: lengths.append(part.shape[1]) or read(self, part, *rest))
    small.generate(tokens, 5)
    assert lengths == [tokens.shape[1]]


@pytest.mark.parametrize(
    ("prompt", "arguments", "message"),
    [
        (None, {"max_new_tokens": -1}, "max_new_tokens: got -1"),
        (None, {"max_new_tokens": 1, "top_k": 41}, "top_k: got 41, expected 1 to 40"),
        (None, {"max_new_tokens": 1, "top_p": 0.0}, "top_p: got 0.0, expected more than 0 and at most 1"),
        ("a", {"max_new_tokens": 1}, "got text for a model of 40 tokens, expected 256"),
    ],
)
def test_unfit_arguments_are_named(small, tokens, prompt, arguments, message):
    with pytest.raises(ValueError, match=message):
        small.generate(prompt or tokens, **arguments)
