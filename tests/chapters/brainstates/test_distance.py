import pytest
import torch

from chapters.brainstates.anatomy import distance_correlation, pair_distances


def array(electrodes: int = 30, seed: int = 0) -> torch.Tensor:
    return 800 * torch.rand(electrodes, 2, generator=torch.Generator().manual_seed(seed))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_distances_by_hand():
    found = pair_distances(torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 10.0]]))
    assert found.tolist() == [[0, 5, 10], [5, 0, pytest.approx(45**0.5)], [10, pytest.approx(45**0.5), 0]]


def test_ranks_alone_count():
    positions = array()
    falling = torch.exp(-pair_distances(positions) / 100)
    assert distance_correlation(falling, positions, seeded(), samples=3).spearman == pytest.approx(-1)
    assert distance_correlation(-falling, positions, seeded(), samples=3).samples.tolist() == pytest.approx([1] * 3)


def test_the_coefficient_is_scipys_over_pairs_off_the_diagonal():
    from scipy.stats import spearmanr

    positions, wiring = array(12), torch.randn(12, 12, generator=seeded(1)).round(decimals=1)  # with ties
    off = ~torch.eye(12).bool()
    expected = spearmanr(wiring[off].numpy(), pair_distances(positions)[off].numpy()).statistic
    wiring.fill_diagonal_(99.0)
    assert distance_correlation(wiring, positions, seeded(), samples=1).spearman == pytest.approx(expected)


def test_wiring_that_knows_nothing_of_places():
    """The interval of 95 % misses 0 in about 1 of 20 arrays."""
    missed = 0
    for seed in range(40):
        found = distance_correlation(
            torch.randn(15, 15, generator=seeded(seed)), array(15, seed), seeded(), samples=100
        )
        low, high = found.interval()
        missed += not low <= 0 <= high
        assert low < found.spearman < high
    assert missed <= 6


def test_the_part_that_rates_explain_is_taken_away():
    """Wiring is the product of rates, which fall from the middle on: near pairs are strong by their rates alone."""
    positions = array(40)
    rates = torch.exp(-(positions - 400).norm(dim=1) / 150)
    noise = 1 + 0.1 * torch.rand(40, 40, generator=seeded(2))
    wiring = torch.outer(rates, rates) * noise
    alone = distance_correlation(wiring, positions, seeded(), samples=50)
    partial = distance_correlation(wiring, positions, seeded(), rates, samples=50)
    assert alone.spearman < -0.3 and abs(partial.spearman) < 0.1
    near = distance_correlation(
        wiring - 1e-3 * pair_distances(positions).float(), positions, seeded(), rates, samples=50
    )
    assert near.spearman < -0.8 and near.interval()[1] < -0.5


def test_one_seed_draws_the_same_electrodes():
    positions, wiring = array(), torch.randn(30, 30, generator=seeded(4))
    first, second = (distance_correlation(w, positions, seeded(5), samples=20).samples for w in (wiring, 2 * wiring))
    assert first.equal(second) and len(first.unique()) == 20


def test_unfit_arguments():
    positions, wiring = array(5), torch.zeros(5, 5)
    with pytest.raises(ValueError, match="wiring: got 3 electrodes, expected at least 4"):
        distance_correlation(wiring[:3, :3], positions[:3], seeded())
    with pytest.raises(ValueError, match="wiring: got the shape"):
        distance_correlation(wiring.fill_(torch.nan), positions, seeded())
    with pytest.raises(ValueError, match="samples: got 0"):
        distance_correlation(wiring, positions, seeded(), samples=0)
    from inspect import unwrap

    with pytest.raises(ValueError, match=r"rates: got the shape \(4,\), expected finite values of shape \(5,\)"):
        unwrap(distance_correlation)(torch.zeros(5, 5), positions, seeded(), torch.ones(4))


@pytest.mark.parametrize("given_rates", [False, True])
def test_a_sample_is_the_coefficient_of_the_electrodes_drawn(given_rates):
    """An electrode drawn twice stands twice in the table, without a pair of its own."""
    from scipy.stats import rankdata

    positions, wiring, rates = array(8), torch.randn(8, 8, generator=seeded(1)), torch.rand(8, generator=seeded(2))
    found = distance_correlation(wiring, positions, seeded(3), rates if given_rates else None, samples=5)
    drawn = torch.randint(8, (5, 8), generator=seeded(3))
    tables = torch.stack((wiring.double(), pair_distances(positions), torch.outer(rates, rates).double()))
    for sample, electrodes in zip(found.samples.tolist(), drawn, strict=True):
        pairs = [(i, j) for i in electrodes.tolist() for j in electrodes.tolist() if i != j]
        values = tables[:, [i for i, _ in pairs], [j for _, j in pairs]]
        r = torch.corrcoef(torch.from_numpy(rankdata(values.numpy(), axis=1)))
        partial = (r[0, 1] - r[0, 2] * r[1, 2]) / ((1 - r[0, 2] ** 2) * (1 - r[1, 2] ** 2)).sqrt()
        assert sample == pytest.approx((partial if given_rates else r[0, 1]).item())
