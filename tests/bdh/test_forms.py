"""Quadratic, chunked and recurrent are one function, the paper's loops and the authors' formula; bad input."""

import copy
import math

import pytest
import torch
from refusals import refused

from benchmarks.official_bdh import OfficialBDH
from brainlib.bdh import BDH, BDHConfig, BDHState
from brainlib.bdh.official import NAMES
from brainlib.bdh.reference import listing, state_space, weights_of
from brainlib.bdh.rotation import rope_frequencies, to_turns


@pytest.fixture(name="small")
def without_and_with_decay(either):
    return either


@pytest.mark.parametrize("loops", [listing, state_space])
def test_model_is_the_papers_loops(small, tokens, loops):
    weights = weights_of(small)
    expected = torch.stack([torch.from_numpy(loops(weights, row.numpy())) for row in tokens[:, :17]])
    torch.testing.assert_close(small(tokens[:, :17])[0], expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("chunk_size", [1, 7, 36, 100])
def test_any_chunk_size_gives_the_same_logits_gradients_and_synapses(small, tokens, chunk_size):
    targets = tokens.roll(-1, 1)
    logits, loss, state = small(tokens, targets, chunk_size=tokens.shape[1])
    gradients = torch.autograd.grad(loss + state.synapses.sin().sum(), list(small.parameters()))
    in_chunks, loss, after = small(tokens, targets, chunk_size=chunk_size)
    chunk_gradients = torch.autograd.grad(loss + after.synapses.sin().sum(), list(small.parameters()))
    torch.testing.assert_close(in_chunks, logits, rtol=0, atol=1e-10)
    torch.testing.assert_close(after.synapses, state.synapses, rtol=1e-10, atol=1e-10)
    assert int(after.position) == tokens.shape[1]
    for found, expected in zip(chunk_gradients, gradients, strict=True):
        assert (found - expected).norm() <= 1e-10 * expected.norm()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_steps_of_generation_are_the_recurrent_form(small, tokens, dtype):
    logits, _, state = small(tokens)
    small.to(dtype)
    step, tolerance = small.stepper(small.initial_state(2)), 1e-11 if dtype == torch.float64 else 1e-4
    stepped = torch.stack([step(tokens[:, t]) for t in range(tokens.shape[1])], 1)
    for found, expected in ((stepped, logits), (step.state.synapses, state.synapses)):
        assert (found.double() - expected).norm() <= tolerance * expected.norm()


def test_a_step_brings_faded_synapses_up_to_date(fading, tokens, monkeypatch):
    monkeypatch.setattr("brainlib.bdh.model.LEAST_FADED", 0.5)
    step = fading.stepper(fading.initial_state(2))
    stepped = torch.stack([step(tokens[:, t]) for t in range(tokens.shape[1])], 1)
    torch.testing.assert_close(stepped, fading(tokens)[0], rtol=0, atol=1e-10)


def test_long_texts_are_read_in_chunks(small, tokens, monkeypatch):
    monkeypatch.setattr("brainlib.bdh.model.LONGEST_CHUNK", 10)
    read, lengths = BDH.read, []
    monkeypatch.setattr(BDH, "read", lambda self, part, *rest: lengths.append(part.shape[1]) or read(self, part, *rest))
    logits, _, state = small(tokens, return_state=False)
    assert lengths == [5] * 7 + [2] and state is None
    torch.testing.assert_close(logits, small(tokens, chunk_size=37)[0], rtol=0, atol=1e-10)


@pytest.mark.parametrize("position", [0, 12_345, 10**9, 2**62])
def test_only_the_time_between_tokens_matters(small, tokens, position):
    """RoPE is relative: the same text begun anywhere on an endless stream gives the same logits."""
    late = BDHState(torch.tensor(position), small.initial_state(2).synapses)
    torch.testing.assert_close(small(tokens, state=late)[0], small(tokens)[0], rtol=0, atol=1e-9)


def test_half_precision_is_close(fading, tokens):
    half = copy.deepcopy(fading).to(torch.bfloat16)
    rounded = copy.deepcopy(half).double()
    logits, _, state = half(tokens)
    expected, _, whole = rounded(tokens)
    assert logits.dtype == state.synapses.dtype == torch.float32
    assert (logits - expected).norm() < 0.1 * expected.norm()
    assert (state.synapses - whole.synapses).norm() < 0.1 * whole.synapses.norm()
    assert half.generate(tokens, 5, state=state).shape == (2, tokens.shape[1] + 5)


def test_impossible_sizes():
    refused("layers: got 0, expected a whole number of at least 1", BDHConfig, layers=0)
    refused("neurons: got 32770, expected a multiple of 2 \\* heads = 8", BDHConfig, neurons=32770)
    refused("dropout: got 1.0", BDHConfig, dropout=1.0)
    refused(r"decay: got \(0.1,\), expected None or 4 numbers >= 0, one a head", BDHConfig, decay=(0.1,))


TOKENS = torch.randint(40, (2, 37), generator=torch.Generator().manual_seed(1))
OTHER = BDH(BDHConfig(layers=2, dim=16, heads=2, neurons=64, vocab=40)).double().initial_state(2)
STATE = torch.zeros(3, 2, 2, 32, 16)


def test_what_cannot_be_read(unchecked, small):
    refused("tokens: got values from 40 to 40, expected 0 to 39", small, tokens=torch.full((1, 3), 40))
    refused("tokens: got dtype torch.int16", small, tokens=torch.zeros(1, 3, dtype=torch.int16))
    refused(r"targets: got shape \(2, 36\)", small, tokens=TOKENS, targets=TOKENS[:, 1:])
    refused(r"state: got synapses of shape \(2, 2, 2, 32, 16\)", small, tokens=TOKENS, state=OTHER)
    one, single = (BDHState(torch.tensor(0), synapses) for synapses in (STATE[:, :1].double(), STATE))
    refused("state: got synapses of shape", small, tokens=TOKENS, state=one)
    refused("state: got synapses of torch.float32", small, tokens=TOKENS, state=single)
    refused("chunk_size: got 0", small, tokens=TOKENS, chunk_size=0)


def test_fading_synapses_have_no_official_form(fading):
    refused(r"decay: got \(0.2, 0.01\), expected None", fading.to_official)


def official(dtype: torch.dtype, **sizes) -> OfficialBDH:
    torch.manual_seed(0)
    return OfficialBDH(**sizes, dropout=0.0).to(dtype)


def both(formula: OfficialBDH, time: int):
    model = BDH.from_official(formula.state_dict(), layers=formula.layers)
    tokens, targets = torch.randint(256, (2, 2, time), generator=torch.Generator().manual_seed(1))
    return model, formula(tokens, targets), model(tokens, targets)


def test_float64_gives_the_formulas_logits_and_gradients():
    formula = official(torch.float64, layers=3, dim=64, neurons=2048)
    model, (logits, loss), (ours, our_loss, _) = both(formula, 65)
    torch.testing.assert_close(ours, logits, rtol=0, atol=1e-10)
    loss.backward()
    our_loss.backward()
    for name, our_name in NAMES.items():
        expected, found = formula.get_parameter(name).grad, model.get_parameter(our_name).grad
        assert (found.view_as(expected) - expected).norm() <= 1e-8 * expected.norm(), name


def test_default_size_in_float32_gives_the_formulas_logits():
    model, (logits, loss), (ours, our_loss, _) = both(official(torch.float32), 65)
    assert model.config.neurons == 32768 and model.config.parameters == sum(p.numel() for p in model.parameters())
    assert model.config.parameters == 25_296_896
    torch.testing.assert_close(ours, logits, rtol=0, atol=1e-5)
    torch.testing.assert_close(our_loss, loss, rtol=0, atol=1e-5)


def tiny() -> dict[str, torch.Tensor]:
    return official(torch.float32, layers=2, dim=16, heads=2, neurons=64).state_dict()


@pytest.mark.parametrize("kind", ["as they are", "of a compiled model", "of the first release"])
def test_weights_come_back_as_they_went_in(kind):
    weights = tiny()
    given = {f"_orig_mod.{name}" if "compiled" in kind else name: weight for name, weight in weights.items()}
    unused = {"lm_gate": torch.zeros(16, 1)} if "first" in kind else {}
    back = BDH.from_official(given | unused, layers=2).to_official()
    assert back.keys() == weights.keys()
    assert all(back[name].equal(weights[name]) for name in weights)


def test_weights_of_something_else_are_refused():
    def wrong(message, change, error=ValueError):
        weights = tiny()
        change(weights)
        refused(message, BDH.from_official, weights, layers=2, error=error)

    wrong(r"missing \['decoder'\]", lambda w: w.pop("decoder"))
    wrong("size mismatch for encoder", lambda w: w.update(decoder=w["decoder"][:-2]), RuntimeError)
    wrong("the same frequency for neurons 2i and 2i", lambda w: w["attn.freqs"].mul_(torch.linspace(1, 2, 32)))


def test_frequencies_are_the_papers():
    turns = to_turns(rope_frequencies(8192))
    assert turns[0] == torch.tensor(1 / (2 * math.pi), dtype=torch.float64)
    assert abs(float(turns[-1]) - 2.0 ** (-16 * 8190 / 8192) / (2 * math.pi)) < 1e-15
