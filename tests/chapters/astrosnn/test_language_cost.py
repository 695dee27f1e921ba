"""What a byte costs."""

import math

import pytest
import torch

from brainlib.astrosnn import AstroSNNConfig
from brainlib.training.trees import leaves
from chapters.astrosnn import cost
from chapters.astrosnn.networks import model_config, untrained

FRAME = AstroSNNConfig(layers=1, dim=16, heads=4)


@pytest.mark.parametrize("name", ["AM-SU", "PLIF", "SpikeGPT"])
def test_the_state_after_a_text_is_what_the_text_leaves(name):
    model = untrained(model_config(FRAME, name), device="cpu")
    text = torch.randint(256, (1, 30), generator=torch.Generator().manual_seed(30))
    kept = sum(part.numel() for part in leaves(cost.state_after(model, 30), "state"))
    assert kept == model.state_size(30) == model.state_size(3000)
    with torch.no_grad():
        _, _, expected = model(text)
    logits = [model.step(text[:, 0], state)[0] for state in (cost.state_after(model, 30), expected)]
    torch.testing.assert_close(*logits)


def test_a_filled_cache_is_as_long_as_the_text():
    model = untrained(model_config(FRAME, "transformer"), device="cpu")
    state = cost.state_after(model, 30)
    with torch.no_grad():
        _, after = model.step(torch.tensor([3]), state)
    assert state.blocks[0].mixer.length == 30 and after.blocks[0].mixer.length == 31
    assert after.blocks[0].mixer.keys.shape[2] == 31  # no room had to be made
    assert model.state_size(30) == 16 + 30 * 2 * 16


def flat(values) -> list[dict]:
    return [{"context": context, "milliseconds": value} for context, value in zip((10, 100, 1000), values, strict=True)]


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [([1.0, 4.0, 16.0], 10**1.5), ([3.0, 4.0, 5.0], 10.0), ([1.0, 1.0, 1.0], math.inf), ([1.0, 2.0, 8.0], 100.0)],
)
def test_the_crossover_lies_on_the_line_between_two_contexts(theirs, expected):
    assert cost.crossover(flat([2.0] * 3), flat(theirs)) == pytest.approx(expected)
