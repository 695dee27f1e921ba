"""Drawing tokens: ties, and temperatures at the edge of what numbers can say."""

import inspect
import math

import pytest
import torch

from brainlib.astrosnn import AstroSNN, AstroSNNConfig
from brainlib.baselines import GPT, GPTConfig
from brainlib.bdh import BDH, BDHConfig
from brainlib.sampling import GenerationMixin, check_sampling, sample

unchecked_generate = inspect.unwrap(GenerationMixin.generate)


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


@pytest.mark.parametrize("prompt, got", [("", "an empty text"), (b"To be", "bytes"), ([84, 111], "list")])
def test_what_is_no_prompt_is_named(prompt, got):
    model = BDH(BDHConfig(layers=1, dim=8, heads=1, neurons=16))
    with pytest.raises(ValueError, match=f"prompt: got {got}, expected text of a byte or more, or a tensor of tokens"):
        unchecked_generate(model, prompt, 1)


@pytest.mark.parametrize("model", [
    BDH(BDHConfig(layers=1, dim=8, heads=1, neurons=16)),
    GPT(GPTConfig(layers=1, dim=8, heads=1)),
    AstroSNN(AstroSNNConfig(layers=1, dim=16)),
], ids=lambda model: type(model).__name__)  # fmt: skip
def test_the_state_of_something_else_is_named(model):
    for state in (torch.zeros(3), (1, 2), {"position": 3}):
        message = f"state: got {type(state).__name__}, expected {type(model).__name__}State, as `return_state`"
        with pytest.raises(ValueError, match=message):
            model.generate("To be", 1, state=state)


def test_top_p_keeps_the_fewest_that_hold_it():
    chances = torch.tensor([[0.5, 0.3, 0.15, 0.05]])
    generator = torch.Generator().manual_seed(0)
    for top_p, kept in ((0.4, {0}), (0.6, {0, 1}), (0.9, {0, 1, 2}), (1.0, {0, 1, 2, 3})):
        rows = chances.double().log().expand(600, -1)
        assert set(sample(rows, 1.0, None, generator, top_p).tolist()) == kept
    assert set(sample(rows, 1.0, 2, generator, 0.95).tolist()) == {0, 1}
