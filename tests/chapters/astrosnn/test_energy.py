"""Operations, firing rates and the estimate of energy."""

import pytest
import torch

from brainlib.astrosnn import AstroSNNConfig
from chapters.astrosnn.energy import operations
from chapters.astrosnn.networks import untrained

FRAME = AstroSNNConfig(layers=2, dim=16, heads=2, hidden=24, vocab=32)
TOKENS = torch.randint(32, (3, 20), generator=torch.Generator().manual_seed(0))


def test_only_maps_that_read_spikes_add():
    model = untrained(FRAME, device="cpu")
    counted = operations(model, TOKENS)
    D, H = FRAME.dim, FRAME.hidden
    memory = 2 * (D + 3 * D * 8)
    assert counted["multiplications"] == 2 * (4 * D * D + D * H) + D * 32 + memory
    assert counted["dense"] == counted["multiplications"] + 2 * (D * D + H * D)
    assert counted["rates"].keys() == {
        f"blocks.{b}.{name}" for b in (0, 1) for name in ("mixer.output", "feedforward.down")
    }
    assert counted["additions"] == pytest.approx(
        sum(rate * D * (D if "mixer" in name else H) for name, rate in counted["rates"].items())
    )


def test_rates_are_those_of_the_spikes():
    model = untrained(FRAME, device="cpu")
    with torch.no_grad():
        block = model.blocks[0]
        trace = block.mixer.trace(block.shift(block.mixer_norm(model.embedding(TOKENS))))
    assert operations(model, TOKENS)["rates"]["blocks.0.mixer.output"] == pytest.approx(
        float(trace.spikes.mean()), abs=1e-6
    )


def test_a_network_of_numbers_costs_what_it_is():
    config = AstroSNNConfig(layers=1, dim=16, heads=2, hidden=24, vocab=32, mixer="attention", feedforward="gelu")
    counted = operations(untrained(config, device="cpu"), TOKENS)
    assert counted["rates"] == {} and counted["additions"] == 0
    assert counted["multiplications"] == counted["dense"] == 4 * 256 + 2 * 16 * 24 + 16 * 32 + 16 * 21
