import math

import pytest
import torch

from chapters.bdh import capacity


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("kind", capacity.KEYS)
def test_keys_and_values_have_length_one(kind):
    facts = capacity.draw_facts(kind, 64, 10, generator(), density=0.25)
    assert facts.keys.shape == (10, 64) and facts.keys.dtype == torch.float64
    for vectors in (facts.keys, facts.values):
        torch.testing.assert_close(vectors.norm(dim=1), torch.ones(10, dtype=torch.float64))


def test_the_kinds_of_keys():
    positive, turned, centred, adversarial = (
        capacity.draw_facts(kind, 64, 10, generator(), density=0.25).keys
        for kind in ("positive", "turned", "centred", "adversarial")
    )
    assert (positive > 0).sum(1).eq(16).all() and positive.min() == 0
    torch.testing.assert_close(turned[0], positive[0])
    assert not torch.allclose(turned[5], positive[5])
    torch.testing.assert_close(centred.sum(1), torch.zeros(10, dtype=torch.float64), atol=1e-12, rtol=0)
    assert (adversarial @ adversarial[0] > 0).all()


@pytest.mark.parametrize("kind", ["gaussian", "adversarial"])
def test_squared_errors_are_those_of_the_memory_written_out(kind):
    facts = capacity.draw_facts(kind, 16, 7, generator())
    errors = capacity.squared_errors(facts)
    for t in range(1, 8):
        rho = sum(torch.outer(facts.values[s], facts.keys[s]) for s in range(t))
        asked = range(min(t, facts.asked))
        expected = sum((rho @ facts.keys[s] - facts.values[s]).square().sum() for s in asked) / len(asked)
        torch.testing.assert_close(errors[t - 1], expected, rtol=1e-12, atol=1e-14)


def test_capacity_of_gaussian_keys_is_what_theory_says():
    expected = 1 + 0.25 * 256  # (t - 1) / n = error^2
    assert capacity.capacity("gaussian", 256, 0.5, generator(), memories=16) == pytest.approx(expected, rel=0.06)


def test_adversarial_keys_cost_the_square_root():
    expected = 1 + 0.5 * math.sqrt(math.pi * 1024 / 2)  # (t - 1) sqrt(2 / (pi n)) = error
    assert capacity.capacity("adversarial", 1024, 0.5, generator(), memories=32) == pytest.approx(expected, rel=0.1)


def test_positive_keys_stop_at_what_their_common_part_allows():
    small, large = (capacity.capacity("positive", n, 0.5, generator(), 0.25, 16) for n in (512, 2048))
    common = 2 * 0.25 / math.pi  # the affinity of any two keys, whatever n
    assert large == pytest.approx(1 + 0.25 / common**2, rel=0.2) and large < 1.3 * small


def test_same_seed_same_capacity_and_the_callers_random_state_is_kept():
    state = torch.random.get_rng_state()
    first, second = (capacity.capacity("centred", 64, 0.5, generator(3), memories=2) for _ in range(2))
    assert first == second and torch.equal(state, torch.random.get_rng_state())


def test_a_study_of_three_seeds(monkeypatch, tmp_path):
    monkeypatch.setenv("BRAINLIB_RUNS", str(tmp_path))
    monkeypatch.setenv("BRAINLIB_PROCESSES", "1")
    monkeypatch.setitem(capacity.SIZES, "ci", (16, 32, 64))
    held = capacity.measure_all("ci", 4)
    assert [len(rows) for rows in held.values()] == [3] * 6
    alone = capacity.measure(capacity.all_memories("ci")["independent"], 5)["capacities"]
    assert held["independent"][1] == alone and len(alone) == 3
    assert 0.5 < capacity.laws("ci", held)["independent"].exponent < 1.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("cubic", 64, 4), "kind: got 'cubic', expected one of gaussian, "),
        (("gaussian", 1, 4), "n, count: got 1, 4"),
        (("turned", 63, 4), "n, count: got 63, 4"),
        (("gaussian", 64, 0), "n, count: got 64, 0"),
        (("positive", 64, 4, 0.0), "density: got 0.0"),
    ],
)
def test_facts_that_cannot_be_drawn(arguments, message):
    kind, n, count, *density = arguments
    with pytest.raises(ValueError, match=message):
        capacity.draw_facts(kind, n, count, generator(), *density)


def test_unfit_arguments():
    with pytest.raises(ValueError, match=r"error, memories: got 1.0, 8"):
        capacity.capacity("gaussian", 64, 1.0, generator())
