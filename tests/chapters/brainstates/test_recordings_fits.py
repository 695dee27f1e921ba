"""Splits by time, fits that are made once, and models compared split by split."""

import math

import pytest
import torch

from brainlib.brainstates.evaluation import homogeneous_log_likelihood, marginal_log_likelihood
from chapters.brainstates import fits as fits_of
from chapters.brainstates import recordings
from chapters.brainstates.recordings import EMISSION, STUDIES


def test_blocks_follow_one_another_and_are_held_out_once(fits):
    held_out = [fits.sample.split(block, 4) for block in range(4)]
    assert torch.equal(torch.cat([others for _, others in held_out]), torch.arange(9))
    for seen, others in held_out:
        assert (others.diff() == 1).all() and len(others) in (2, 3)
        assert torch.equal(torch.cat((seen, others)).sort().values, torch.arange(9))


def test_bits_are_what_the_held_out_block_gains_over_mean_rates(fits):
    seen, others = (fits.design("HG", 1, held_out=held) for held in (False, True))
    assert len(seen.lengths) == 6 and len(others.lengths) == 3
    there = marginal_log_likelihood(fits.parameters("HG", 2, 1), others, EMISSION).sum()
    base = homogeneous_log_likelihood(seen, others, EMISSION).sum()
    expected = (there - base) / (math.log(2) * others.counts.sum())
    assert fits.results["HG", 2, 1]["bits"] == pytest.approx(float(expected))
    assert fits.results["Poisson HMM", 2, 1]["bits"] > 0.1
    assert torch.equal(fits.places(1, held_out=True), fits.places(4, held_out=True))  # with other starts:
    assert not torch.equal(fits.parameters("HG", 2, 1).weights, fits.parameters("HG", 2, 4).weights)


def test_a_penalty_leaves_smaller_weights_and_the_one_hot_prior_is_kept(fits):
    assert fits.parameters("HG-L1", 1, 0).coupling.abs().sum() <= fits.parameters("HG", 1, 0).coupling.abs().sum()
    a_0 = torch.as_tensor(fits.results["OHG", 2, 0]["adjacency_prior"])
    assert a_0.shape == (6, 6, 3) and torch.allclose(a_0.sum(-1), torch.ones(6, 6))


def test_the_table_has_a_row_for_every_fit(fits):
    rows = fits.table()
    assert list(fits.setting.splits(1)) == [3, 4, 5]
    assert len(rows) == 6 * 7
    assert [row["family"] for row in rows[:7]] == ["Poisson HMM", "HG", "HG", "HG-L1", "HG-L1", "GHG", "OHG"]
    assert fits_of.numbers(rows, "HG") == [1, 2]
    assert all(math.isfinite(row["bits"]) and math.isfinite(row["bic"]) for row in rows)


ROWS = [
    {"family": family, "states": states, "split": split, "bits": bits, "bic": -bits}
    for (family, states), values in {
        ("HG", 1): (1.0, 2.0),
        ("HG", 2): (3.0, 1.0),
        ("GHG", 2): (2.0, 2.5),
        ("GHG", 4): (2.5, 1.0),
    }.items()
    for split, bits in enumerate(values)
]


def test_the_best_is_best_on_average():
    assert fits_of.best(ROWS, ("HG", "GHG")) == ("GHG", 2)
    assert fits_of.best(ROWS, ("HG",), least=1) == ("HG", 2)
    assert fits_of.lead(ROWS, ("GHG", 2), ("HG", 1)) == [1.0, 0.5]
    assert fits_of.favourites(ROWS, "GHG") == [4, 2] == fits_of.favourites(ROWS, "GHG", "bic")


def test_the_interval_is_students():
    mean, half = fits_of.interval([1.0, 2.0, 3.0])
    assert mean == 2 and half == pytest.approx(4.302653 / math.sqrt(3), rel=1e-5)
    assert math.isnan(fits_of.interval([1.0])[1])


def test_every_profile_fits_what_the_chapter_compares():
    for settings in STUDIES.values():
        for setting in settings.values():
            assert setting.blocks >= 3 and set(setting.states["OHG"]) <= set(setting.states["HG-L1"])
            assert 1 in setting.states["HG"] and 2 in setting.states["GHG"]


def test_a_readers_copy_of_the_maze_joins(tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINLIB_DATA", str(tmp_path))
    assert "maze" not in recordings.planned("laptop")
    (tmp_path / "pfc6").mkdir()
    assert recordings.planned("laptop")["maze"].folder == str(tmp_path / "pfc6")
    assert "maze" not in recordings.planned("ci")
