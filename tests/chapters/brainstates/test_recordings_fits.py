"""Choices that a held-out block has no part in, models treated alike, and claims that nothing makes fail."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.parameters import Parameters, sticky
from brainlib.brainstates.simulate import sample_spikes
from brainlib.data import Trials
from brainlib.ledger import Record, read_claims
from brainlib.ledger.verdicts import judge
from chapters.brainstates import fits, measures, recordings
from chapters.brainstates.fits import AGAIN, FAMILIES, GLM_L1, HMM, ONE_HOT, SHIFTED_GLM, SHIFTED_ONE_HOT
from chapters.brainstates.recordings import Sample, Setting

SETTING = Setting("made up", bin_ms=100.0, piece_s=20.0, starts=1, iterations=10, most_states=4)
TRUE = 3
RESULT = SimpleNamespace(objectives=torch.zeros(1), objective=torch.zeros(1, 1), parameters=None)


@pytest.fixture(scope="module")
def made_up() -> Sample:
    """Eight neurons with three states, in pieces of 20 s; the last neuron hardly fires."""
    weights = torch.zeros(TRUE, 8, 9)
    weights[..., -1] = 3 * torch.eye(8)[:TRUE].roll(1, 1) + 2 * torch.eye(8)[3 : 3 + TRUE] - 2.5
    weights[..., 7, -1] = -9
    start = torch.full((TRUE,), 1 / TRUE).log()
    parameters = Parameters(weights, sticky(TRUE, 0.97).log().float(), start)
    return Sample(
        sample_spikes(parameters, Emission(), 15, 200, torch.Generator().manual_seed(0), bin_ms=100.0)[0], "made up"
    )


@pytest.fixture
def reading(monkeypatch):
    def of(sample: Sample) -> None:
        monkeypatch.setattr(fits, "read", lambda setting: sample)

    return of


@pytest.mark.parametrize("name", [HMM, ONE_HOT])
def test_the_true_number_of_states_is_found(made_up, reading, name):
    reading(made_up)
    found = fits.fit_block((SETTING, name), 1)
    assert found["states"] == TRUE and found["bits"] > 0.2 and found["neurons"].tolist() == list(range(7))


def test_the_block_that_is_held_out_has_no_part_in_what_is_chosen(made_up, reading):
    reading(made_up)
    found = fits.fit_block((SETTING, GLM_L1), 1)
    counts = made_up.trials.counts.clone()
    counts[3:6] = 9
    reading(made_up._replace(trials=Trials(counts, made_up.trials.lengths, made_up.trials.bin_ms)))
    other = fits.fit_block((SETTING, GLM_L1), 1)
    assert other["bits"] != found["bits"] and other["chosen"] == found["chosen"]
    assert torch.equal(other["weights"], found["weights"]) and other["weight"] == found["weight"]


def test_blocks_are_held_out_once_and_choose_once(made_up):
    parts = [fits.nested(made_up, SETTING, seed) for seed in range(5)]
    for place in (1, 2):
        assert torch.equal(torch.cat([part[place] for part in parts]).sort().values, torch.arange(15))
    assert all(torch.equal(torch.cat(part).sort().values, torch.arange(15)) for part in parts)
    assert parts[0][2].tolist() == [0, 1, 2] and parts[0][1].tolist() == [3, 4, 5]


def test_all_models_start_from_the_same_starts(made_up, monkeypatch):
    first, second = fits.begin(2, made_up.trials, 3, 2, draw=7)
    assert torch.equal(first.weights, fits.begin(2, made_up.trials, 3, 1, draw=7)[0].weights)
    assert not torch.equal(first.weights, second.weights) and first.coupling.abs().max() > 0
    begun = []
    for fitter in ("fit", "fit_one_hot"):
        monkeypatch.setattr(fits, fitter, lambda *given, start, **how: begun.append(start) or RESULT)
    for name in set(FAMILIES) - {HMM}:
        fits.fit_best(name, 2, 1.0, made_up.trials, (first, second), 3)
    assert all(start is (first, second)[place % 2] for place, start in enumerate(begun)) and len(begun) == 14


@pytest.mark.parametrize(("peak", "first"), [(0, 2), (3, 2), (4, 0), (2, 2)])
def test_a_hill_is_climbed_to_its_top(peak, first):
    assert fits.climb((0, 1, 2, 3, 4), lambda value: -abs(value - peak), first) == peak


def test_shifted_spikes_keep_each_neuron_and_lose_what_is_common(made_up):
    moved = recordings.shifted(made_up.trials).counts.flatten(0, 1)
    before = made_up.trials.counts.flatten(0, 1)
    assert torch.equal(moved.sum(0), before.sum(0))
    common = [np.corrcoef(each[:, [2, 4]].double().T)[0, 1] for each in (before, moved)]
    assert abs(common[1]) < 0.1 < abs(common[0])


def verdicts(monkeypatch, lead: float, shifted: float) -> dict[str, str]:
    """Of R1 to R3, where each step of the one-hot model is `lead`, and its lead on shifted spikes `shifted`."""
    random = np.random.default_rng(0)

    def column(mean: float) -> list[dict[str, float]]:
        return [{"bits": mean + 0.02 * random.normal(), "chosen": mean} for _ in range(5)]

    means = dict.fromkeys(FAMILIES, 1.0) | {ONE_HOT: 1 + 2 * lead, fits.GAUSSIAN: 1 + lead, AGAIN: 1 + 2 * lead}
    means |= {SHIFTED_ONE_HOT: shifted, SHIFTED_GLM: 0.0, GLM_L1: 1.0}
    found = {name: {model: column(mean) for model, mean in means.items()} for name in recordings.STUDIES["laptop"]}
    monkeypatch.setattr(fits, "fit_all", lambda profile, seed: found)
    claims = read_claims("chapters/brainstates/claims.toml")
    return {
        id: judge(claims[id], Record(id, *map(tuple, (one.effect, one.seeds)), "laptop", {}, tuple(one.control)))[0]
        for id, one in measures.held_out("laptop", 0, "cpu").items()
    }


def test_claims_fail_on_nothing_and_hold_on_something_that_shifted_spikes_lack(monkeypatch):
    assert set(verdicts(monkeypatch, 0.0, 0.0).values()) == {"fails"}
    assert set(verdicts(monkeypatch, 0.3, 0.0).values()) == {"holds"}
    assert verdicts(monkeypatch, 0.3, 0.6)["R2"] == "fails"


def test_the_best_rival_is_the_one_that_other_blocks_preferred(monkeypatch):
    rows = {name: [{"bits": 1.0, "chosen": 1.0}] * 5 for name in (*FAMILIES, *fits.CONTROLS)}
    rows[HMM] = [{"bits": 0.5, "chosen": 2.0}] * 5
    monkeypatch.setattr(fits, "fit_all", lambda profile, seed: {"waves": rows, "barrel": rows})
    found = measures.held_out("laptop", 0, "cpu")["R3"]
    assert list(found.effect) == [0.5] * 5  # a reader's own recordings do not count


def test_the_interval_is_students():
    mean, half = fits.interval([1.0, 2.0, 3.0])
    assert mean == 2 and half == pytest.approx(4.302653 / math.sqrt(3), rel=1e-5)
    assert math.isnan(fits.interval([1.0])[1])


def test_a_readers_copies_join(tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINLIB_DATA", str(tmp_path))
    assert not {"maze", "barrel"} & set(recordings.planned("laptop"))
    (tmp_path / "barrel").mkdir()
    joined = recordings.planned("laptop")["barrel"]
    assert (joined.folder, joined.bin_ms) == (str(tmp_path / "barrel"), 3.0)
    assert "barrel" not in recordings.planned("ci")


def test_the_table_is_by_recording_and_block():
    found = fits.table({"waves": {HMM: [{"bits": 1.0}, {"bits": 2.0}]}})
    assert found.loc[("waves", 1), HMM] == 2.0 and isinstance(found, pd.DataFrame)
