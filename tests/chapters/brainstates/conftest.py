"""The chapters' studies at sizes for tests."""

import pytest
import torch

from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.parameters import Parameters
from brainlib.brainstates.simulate import sample_spikes
from chapters.brainstates import fits as fitting
from chapters.brainstates import priors
from chapters.brainstates.fits import Fits
from chapters.brainstates.priors import PLANS, Plan
from chapters.brainstates.recordings import STUDIES, Sample
from chapters.brainstates.recordings import Setting as Recording
from chapters.brainstates.table import Setting

TINY = Setting(2, 4, train=3, test=2, bins=200, strength_sd=2.5, starts=1, iterations=3, epochs=1, steps=2)


@pytest.fixture
def tiny(monkeypatch, runs_here) -> None:
    """The profile of this name, of chapter 2."""
    monkeypatch.setitem(PLANS, "tiny", Plan(TINY, 2, (1,), (1.0, 2.0)))
    priors.run.cache_clear()


@pytest.fixture(scope="session")
def fits(tmp_path_factory) -> Fits:
    """Six neurons on a grid, silent and then active together: two runs of the chapter, by the study that it uses."""
    weights = torch.zeros(2, 6, 7)
    weights[..., -1] = torch.tensor([[-3.5], [0.5]])
    transition = torch.tensor([[0.97, 0.03], [0.05, 0.95]]).log()
    parameters = Parameters(weights, transition, torch.tensor([0.5, 0.5]).log())
    trials, _ = sample_spikes(parameters, Emission(), 9, 130, torch.Generator().manual_seed(0), bin_ms=100.0)
    grid = torch.tensor([[x, y] for x in (0.0, 100.0, 200.0) for y in (0.0, 100.0)], dtype=torch.float64)
    sample = Sample(trials, grid, "made up")
    states = {"Poisson HMM": (2,), "HG": (1, 2), "HG-L1": (1, 2), "GHG": (2,), "OHG": (2,)}
    setting = Recording("made up", 100.0, 5.0, 3, states, {"HG-L1": (1.0, 1000.0), "GHG": (1.0, 10.0)}, iterations=8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRAINLIB_PROCESSES", "1")
        patch.setenv("BRAINLIB_RUNS", str(tmp_path_factory.mktemp("runs")))
        patch.setattr(fitting, "read", lambda setting: sample)
        patch.setitem(STUDIES, "ci", {"made up": setting})
        first, second = (fitting.fit_all.__wrapped__("ci", seed)["made up"] for seed in (0, 1))
    return Fits(sample, setting, first.results | second.results)
