import pytest
import torch

from brainlib.brainstates.design import design
from brainlib.brainstates.fitting import HMMGLM, GaussianPrior, fit
from brainlib.brainstates.simulate import demo_brain, simulate
from brainlib.data.trials import Trials


@pytest.mark.parametrize("prior, l1", [(None, 0.0), (GaussianPrior(), 0.0), (None, 3.0)])
def test_minibatches_come_close_to_all_trials_at_once(prior, l1):
    brain = demo_brain(torch.Generator().manual_seed(0), states=2, neurons=5)
    trials, _ = simulate(brain, 24, 150, torch.Generator().manual_seed(1))
    data = design(trials)
    model = HMMGLM(2, brain.emission, prior, l1)
    full = fit(model, data, restarts=3, seed=1)
    parts = fit(model, data, restarts=3, seed=1, batch_trials=4, iterations=20)
    first, last = (f.objective[f.best_run][~f.objective[f.best_run].isnan()] for f in (full, parts))
    gained = first[-1] - first[0]
    assert last[1] - last[0] > 0.5 * gained  # after one pass
    assert first[-1] - last.max() < 0.02 * gained


def test_too_many_features_are_refused():
    data = design(Trials.from_sequences([torch.ones(5, 300).int()], 10.0))
    with pytest.raises(ValueError, match="batch_trials"):
        fit(HMMGLM(1), data, batch_trials=1)
