import numpy as np
import pytest
import torch

from brainlib.bdh.anatomy.wiring import fit_tail


def drawn(probabilities, size, seed=0):
    values = np.random.default_rng(seed).choice(np.arange(1, len(probabilities) + 1), size, p=probabilities)
    return torch.from_numpy(values)


def law(exponent, longest=100_000):
    weights = np.arange(1, longest + 1.0) ** -exponent
    return weights / weights.sum()


@pytest.mark.parametrize("exponent", [2.0, 2.5, 3.0])
def test_a_power_law_is_found(exponent):
    tail = fit_tail(drawn(law(exponent), 4000))
    assert tail.exponent == pytest.approx(exponent, abs=0.12)
    assert tail.distance < 0.04 and tail.against_exponential > 1.64


def test_the_tail_begins_where_the_power_law_does():
    flat = torch.randint(1, 20, (1000,), generator=torch.Generator().manual_seed(1))
    steep = 20 * drawn(law(2.5), 1000) + torch.randint(20, (1000,), generator=torch.Generator().manual_seed(2))
    assert 15 <= fit_tail(torch.cat((flat, steep))).start <= 60


def test_an_exponential_is_not_heavy():
    weights = 0.9 ** np.arange(500)
    assert fit_tail(drawn(weights / weights.sum(), 4000)).against_exponential < 1.64


def test_too_few_values():
    with pytest.raises(ValueError, match="degrees: got 30 positive values"):
        fit_tail(torch.cat((torch.zeros(70, dtype=torch.int64), torch.arange(1, 31))))
    with pytest.raises(ValueError, match="not all equal"):
        fit_tail(torch.full((100,), 3))
