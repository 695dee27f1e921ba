from dataclasses import replace

import pytest
import torch

from brainlib.bdh import BDH, BDHConfig
from brainlib.bdh.surgery import merge

CONFIG = BDHConfig(layers=3, dim=16, heads=2, neurons=64, vocab=40, dropout=0.0)


def model(seed: int, neurons: int = 64) -> BDH:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = BDH(replace(CONFIG, neurons=neurons)).double().eval()
    with torch.no_grad():
        for weight in made.parameters():
            weight.mul_(15)
        made.decoder_x.mul_(1000)  # scores far above the eps of LayerNorm, at which scaling a part is exact
    return made


@torch.no_grad()
def logits(model: BDH, tokens: torch.Tensor) -> torch.Tensor:
    return model(tokens, return_state=False)[0]


def test_neurons_follow_each_other_within_heads_and_the_rest_is_averaged():
    first, second, third = model(0), model(1, neurons=32), model(2)
    merged = merge([first, second, third])
    assert merged.config == replace(CONFIG, neurons=160) and not merged.training
    places = {first: slice(0, 32), second: slice(32, 48), third: slice(48, 80)}
    for part, place in places.items():
        assert merged.decoder_x[..., place].equal(part.decoder_x)
        assert merged.decoder_y[..., place].equal(part.decoder_y)
        assert merged.encoder[:, place].equal(part.encoder)
        assert merged.frequencies[place.start // 2 : place.stop // 2].equal(part.frequencies)
    mean = (first.embedding + second.embedding + third.embedding) / 3
    torch.testing.assert_close(merged.embedding, mean)
    assert all(weight.requires_grad for weight in merged.parameters())


def test_a_model_merged_with_itself_computes_the_same(tokens):
    alone = model(0)
    torch.testing.assert_close(logits(merge([alone] * 3), tokens), logits(alone, tokens), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("which", [0, 1])
def test_a_model_with_all_the_weight_is_alone(tokens, which):
    parts = [model(0), model(1, neurons=32)]
    merged = merge(parts, weights=[float(which == 0), float(which == 1)])
    torch.testing.assert_close(logits(merged, tokens), logits(parts[which], tokens), rtol=1e-6, atol=1e-6)
    assert (logits(merged, tokens) - logits(parts[1 - which], tokens)).abs().max() > 1


def test_fading_synapses_go_on_fading():
    fading = BDH(replace(CONFIG, decay=(0.01, 0.125)))
    merged = merge([fading, fading])
    assert merged.config.decay == (0.01, 0.125)
    with pytest.raises(ValueError, match=r"models: got BDHConfig.*decay=None.* at 1, expected"):
        merge([fading, BDH(CONFIG)])


@pytest.mark.parametrize(
    ("models", "weights", "message"),
    [
        ([model(0)], None, "models: got 1, expected at least 2"),
        ([model(0), model(1).float()], None, "models: got torch.float32 on cpu at 1, expected torch.float64 on cpu"),
        ([model(0), model(1)], [1.0], r"weights: got \[1.0\], expected 2 finite numbers"),
        ([model(0), model(1)], [1.0, float("nan")], r"weights: got \[1.0, nan\]"),
    ],
)
def test_what_cannot_be_merged(models, weights, message):
    with pytest.raises(ValueError, match=message):
        merge(models, weights)
