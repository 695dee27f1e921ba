import pytest
import torch

from brainlib.arguments import seeded
from chapters.bdh import capacity
from chapters.bdh.capacity import Memories


def test_the_kinds_of_keys():
    positive, turned, centred, adversarial = (
        capacity.draw_facts(kind, 64, 10, seeded(0), density=0.25).keys
        for kind in ("positive", "turned", "centred", "adversarial")
    )
    assert (positive > 0).sum(1).eq(16).all() and positive.min() == 0
    torch.testing.assert_close(turned[0], positive[0])
    assert not torch.allclose(turned[5], positive[5])
    torch.testing.assert_close(centred.sum(1), torch.zeros(10, dtype=torch.float64), atol=1e-12, rtol=0)
    assert (adversarial @ adversarial[0] > 0).all()
    for keys in (positive, turned, centred, adversarial):
        torch.testing.assert_close(keys.norm(dim=1), torch.ones(10, dtype=torch.float64))


@pytest.mark.parametrize("kind", ["gaussian", "adversarial"])
def test_squared_errors_are_those_of_the_memory_written_out(kind):
    facts = capacity.draw_facts(kind, 16, 7, seeded(0))
    errors = capacity.squared_errors(facts)
    for t in range(1, 8):
        rho = sum(torch.outer(facts.values[s], facts.keys[s]) for s in range(t))
        asked = range(min(t, facts.asked))
        expected = sum((rho @ facts.keys[s] - facts.values[s]).square().sum() for s in asked) / len(asked)
        torch.testing.assert_close(errors[t - 1], expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("kind", "n", "density", "tolerance"),
    [("gaussian", 256, 1.0, 0.06), ("adversarial", 1024, 1.0, 0.1), ("positive", 2048, 0.25, 0.2)],
)
def test_capacity_is_what_theory_says(kind, n, density, tolerance):
    found = capacity.capacity(kind, n, capacity.ERROR, seeded(0), density, memories=24)
    assert found == pytest.approx(Memories(kind, (n,), density).expected(n), rel=tolerance)


def test_a_power_law_is_found_again():
    law = capacity.power_law([1e3, 1e4, 1e5, 1e6], [2 * size**-0.1 for size in (1e3, 1e4, 1e5, 1e6)])
    assert law.exponent == pytest.approx(-0.1) and law.low <= law.exponent <= law.high
    assert law.scale == pytest.approx(2)
