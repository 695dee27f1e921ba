"""The unit as a module: sizes, starts, what each switch changes, bad input."""

import math

import pytest
import torch
from reference_units import ASTROCYTES, some_state, tokens, unit

from brainlib.astrosnn.unit import AMSU, AMSUConfig


@pytest.mark.parametrize("astrocyte", ["matrix", "gated", "delta"])
def test_heads_start_with_memories_from_fast_to_slow(astrocyte):
    built = AMSU(AMSUConfig(dim=8, astrocyte=astrocyte, fastest=2.0, slowest=11.0))
    expected = 1 - 2.0 ** -torch.tensor([2, 5, 8, 11])
    torch.testing.assert_close(built.astrocyte.gamma(), expected)
    log_decay = built.astrocyte.project(torch.randn(3, 8))[3]
    torch.testing.assert_close(log_decay.exp().expand(3, 4), expected.expand(3, 4))
    if astrocyte == "delta":
        torch.testing.assert_close(built.astrocyte.project(torch.zeros(1, 8))[4], torch.full((1, 4), 0.5))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"astrocyte": "glia"}, "astrocyte: got 'glia', expected one of none, calcium, matrix, gated, delta"),
        ({"injection": "soma"}, "injection: got 'soma', expected one of threshold, membrane"),
        ({"reset": "zero"}, "reset: got 'zero', expected one of hard, soft, none"),
        ({"dim": 16.0}, "dim: got 16.0, expected a whole number"),
        ({"heads": 3}, "dim: got 8, expected a multiple of heads = 3"),
        ({"fastest": 5.0, "slowest": 4.0}, "fastest, slowest: got 5.0, 4.0, expected 0 < fastest <= slowest"),
        ({"tau": 0.5}, "tau: got 0.5, expected a time constant of at least 1"),
        ({"astrocyte": "calcium", "injection": "membrane"}, "injection: got 'membrane' with astrocyte 'calcium'"),
        ({"astrocyte": "delta", "features": "elu"}, "features: got 'elu' with astrocyte 'delta', expected 'unit'"),
    ],
)
def test_bad_configurations(unchecked, change, message):
    with pytest.raises(ValueError, match=message):
        AMSUConfig(**{"dim": 8} | change)


@pytest.mark.parametrize(
    ("x", "change", "message"),
    [
        (tokens(dim=6), {}, "x: got 6 channels, expected 8"),
        (tokens().float(), {}, "x: got torch.float32 .* on cpu, expected torch.float64 .* on cpu"),
        (tokens(), {"membrane": torch.zeros(1, 8).double()}, r"state.membrane: got torch.float64 \(1, 8\) on cpu"),
        (tokens(), {"memory": None}, r"state.memory: got None, expected torch.float64 \(2, 2, 4, 4\) on cpu"),
    ],
)
def test_bad_input(unchecked, x, change, message):
    built = unit()
    with pytest.raises(ValueError, match=message):
        built(x, some_state(built)._replace(**change))


@pytest.mark.parametrize("astrocyte", ASTROCYTES)
def test_what_is_not_a_number_stays_visible(astrocyte):
    """A NaN is told, and not taken for silence."""
    built = AMSU(AMSUConfig(dim=8, heads=2, astrocyte=astrocyte))
    x = torch.randn(2, 6, 8)
    broken = x.clone()
    broken[1, 3, 0] = math.nan
    y = built(broken)
    assert y[1, 3:].isnan().all() and not y[0].isnan().any() and not y[1, :3].isnan().any()
    assert built.step(broken[:, 3])[0][1].isnan().all()
