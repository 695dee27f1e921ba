import math

import pytest
import torch
from small_brains import one_state, record, switching

from brainlib.brainstates.design import design
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.evaluation import (
    bic,
    choose,
    cross_validate,
    folds,
    free_parameters,
    marginal_log_likelihood,
)
from brainlib.brainstates.evaluation.cross_validation import Choice
from brainlib.brainstates.fitting import HMMGLM, fit
from brainlib.brainstates.parameters import Parameters


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_every_trial_is_held_out_once():
    groups = folds(11, 4, seeded())
    assert sorted(len(group) for group in groups) == [2, 3, 3, 3]
    assert torch.cat(groups).sort().values.tolist() == list(range(11))
    assert torch.cat(groups).tolist() != list(range(11))
    assert all(a.equal(b) for a, b in zip(groups, folds(11, 4, seeded()), strict=True))


def test_a_fold_is_scored_by_what_the_others_gave():
    parameters = switching()
    regression = design(record(parameters, Emission(), 5, 200)[0])
    groups = folds(5, 2, seeded())
    seen = []
    scores = cross_validate(lambda part: seen.append(part) or parameters, regression, Emission(), groups)
    for group, part, score in zip(groups, seen, scores, strict=True):
        rest = [trial for trial in range(5) if trial not in group.tolist()]
        assert part.counts.equal(regression.counts[rest])
        expected = marginal_log_likelihood(parameters, regression.pick(group), Emission()).sum() / (200 * len(group))
        assert score.item() == pytest.approx(expected.item())


def test_the_true_number_of_states_is_chosen():
    parameters = switching()
    regression = design(record(parameters, Emission(), 6, 500)[0])
    models = {1: one_state(parameters, 1), 2: parameters}
    choice = choose([1, 2], lambda states, part: models[states], regression, Emission(), folds(6, 3, seeded()))
    assert choice.best == choice.simplest == 2 and choice.held_out.shape == (2, 3)


def test_the_number_of_states_of_a_fit_is_chosen():
    trials, _ = record(switching(), Emission(), 8, 500)
    regression = design(trials, coupling=False)
    alone = Parameters(switching().weights[..., -1:], *switching()[1:])  # states by their rates
    fitted = lambda states, part: fit(HMMGLM(states), part, iterations=15).parameters  # noqa: E731
    choice = choose([1, 2], fitted, regression, Emission(), folds(8, 4, seeded()))
    assert choice.best == choice.simplest == 2
    truth = cross_validate(lambda part: alone, regression, Emission(), folds(8, 4, seeded()))
    assert (choice.held_out[1] - truth).mean() > -0.02
    criteria = [
        bic(
            marginal_log_likelihood(fitted(states, regression), regression, Emission()).sum().item(),
            free_parameters(regression, states),
            trials.bins,
        )
        for states in (1, 2)
    ]
    assert criteria[1] < criteria[0]


def test_statistics_over_folds_by_hand():
    choice = Choice([1, 2, 3], torch.tensor([[1.0, 2, 3], [2.0, 2.9, 4.1], [2.0, 3, 4.1]], dtype=torch.float64))
    assert choice.mean.tolist() == pytest.approx([2, 3, 9.1 / 3])
    assert choice.standard_error[0].item() == pytest.approx(1 / math.sqrt(3))
    assert choice.difference_error.tolist() == pytest.approx([0.1 / 3, 0.1 / 3, 0])
    assert (choice.best, choice.simplest) == (3, 2)


def test_numbers_that_a_fit_chooses():
    regression = design(record(switching(), Emission(), 1, 20)[0], self_coupling=False)  # 4 neurons, 3 sources, a bias
    assert free_parameters(regression, 1) == 16
    assert free_parameters(regression, 3) == 3 * 16 + 6 + 2
    assert free_parameters(regression, 3, shared_bias=True) == 3 * 12 + 4 + 6 + 2


def test_bic_by_hand():
    assert bic(-100.0, 7, 50) == pytest.approx(200 + 7 * math.log(50))


def test_unfit_arguments():
    regression = design(record(switching(), Emission(), 3, 20)[0])
    with pytest.raises(ValueError, match="count: got 4, expected 2 to the 3 trials"):
        folds(3, 4, seeded())
    for group in ([], [0, 1, 2], [3], [-1], [1, 1]):
        with pytest.raises(ValueError, match="held_out: got"):
            cross_validate(lambda part: switching(), regression, Emission(), [torch.tensor(group).long()])
    with pytest.raises(ValueError, match="candidates: got none"):
        choose([], lambda c, part: switching(), regression, Emission(), folds(3, 3, seeded()))
    with pytest.raises(ValueError, match="states: got 0"):
        free_parameters(regression, 0)
    with pytest.raises(ValueError, match="bins: got 0"):
        bic(0.0, 1, 0)
