"""The model against the authors' formula, at their default size, and their weights in and out."""

import math

import pytest
import torch

from benchmarks.official_bdh import OfficialBDH
from brainlib.bdh import BDH
from brainlib.bdh.official import NAMES
from brainlib.bdh.rotation import rope_frequencies, to_turns


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("decoder"), r"missing \['decoder'\]"),
        (lambda w: w.update(decoder=w["decoder"][:-2]), "size mismatch for encoder"),
        (lambda w: w["attn.freqs"].mul_(torch.linspace(1, 2, 32)), "the same frequency for neurons 2i and 2i"),
    ],
)
def test_weights_of_something_else_are_refused(change, message):
    weights = tiny()
    change(weights)
    with pytest.raises((RuntimeError, ValueError), match=message):
        BDH.from_official(weights, layers=2)


def test_frequencies_are_the_papers():
    turns = to_turns(rope_frequencies(8192))
    assert turns[0] == torch.tensor(1 / (2 * math.pi), dtype=torch.float64)
    assert abs(float(turns[-1]) - 2.0 ** (-16 * 8190 / 8192) / (2 * math.pi)) < 1e-15
