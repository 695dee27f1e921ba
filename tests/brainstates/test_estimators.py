"""The estimators find a simulated brain again, in every form that counts come in; and what a fit is worth."""

import math

import numpy as np
import pytest
import torch
from refusals import refused

from brainlib.brainstates import HMMGLM, OneHotHMMGLM, select
from brainlib.brainstates.design import design
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.evaluation import (
    bits_per_spike,
    edge_auc,
    homogeneous_log_likelihood,
    marginal_log_likelihood,
    match_states,
    reorder,
    state_accuracy,
    weight_error,
)
from brainlib.brainstates.inference import log_emission
from brainlib.brainstates.kernels import reference
from brainlib.brainstates.parameters import Parameters
from brainlib.brainstates.simulate import sample_spikes
from brainlib.data.trials import Trials


def brain() -> Parameters:
    """Two states of four neurons; the wiring turns round between them."""
    weights = torch.zeros(2, 4, 5)
    weights[0, 1, 0] = weights[1, 0, 1] = 1.5
    weights[0, 2, 3] = weights[1, 2, 3] = -1.0
    weights[0, :, -1], weights[1, :, -1] = -0.5, 0.8
    return Parameters(weights, torch.tensor([[0.97, 0.03], [0.05, 0.95]]).log(), torch.tensor([0.5, 0.5]).log())


@pytest.fixture(scope="module")
def recording() -> tuple[np.ndarray, np.ndarray]:
    trials, states = sample_spikes(brain(), Emission(), 1, 4000, torch.Generator().manual_seed(0))
    return trials.counts[0].numpy(), states[0].numpy()


@pytest.fixture(scope="module", params=[HMMGLM, OneHotHMMGLM])
def fitted(request, recording):
    options = {"strength_mean": -1.0} if request.param is OneHotHMMGLM else {"l1": 3.0}
    return request.param(2, n_init=2, **options).fit(recording[0])


def test_a_simulated_brain_is_found_again(fitted, recording):
    counts, states = recording
    order = fitted.bias_.mean(1).argsort()
    true = brain().coupling.numpy()
    assert abs(fitted.coupling_[order] - true).max() < 0.5
    assert np.allclose(fitted.transition_.sum(1), 1, atol=1e-5)
    assert abs(fitted.transition_[order][:, order] - brain().log_transition.exp().numpy()).max() < 0.02
    path, shares = fitted.predict(counts), fitted.predict_proba(counts)
    assert path.shape == (4000,) and shares.shape == (4000, 2) and np.allclose(shares.sum(1), 1, atol=1e-5)
    assert (order.argsort()[path] == states).mean() > 0.9
    assert fitted.score(counts) > type(fitted)(1).fit(counts).score(counts) + 0.1
    if type(fitted) is OneHotHMMGLM:
        assert fitted.adjacency_prior_[2, 3].argmax() == 0 and fitted.adjacency_.shape == (2, 4, 4, 3)
        assert (fitted.strengths_ > 0).all()
    made, behind = fitted.sample(300, random_state=1)
    assert made.shape == (300, 4) and behind.shape == (300,)
    assert np.array_equal(made, fitted.sample(300, random_state=1)[0])
    assert not np.array_equal(made, fitted.sample(300, random_state=None)[0])


def test_a_file_holds_everything(fitted, recording, tmp_path):
    basis = torch.tensor([[0.7], [0.3]])
    options = {"basis": basis, "bin_ms": 20.0, "link": "exp", "max_iter": 3}
    if type(fitted) is OneHotHMMGLM:
        options |= {"concentration": (0.5, 2.0, 0.5), "dale": True, "empirical": True}
    model = type(fitted)(**fitted.get_params() | options).fit(recording[0])
    model.save(tmp_path / "fit.safetensors")
    again = type(fitted).load(tmp_path / "fit.safetensors")
    assert again.bin_ms == 20.0 and again.link == "exp" and np.array_equal(again.basis, basis)
    assert again.score(recording[0]) == model.score(recording[0])
    assert np.array_equal(again.sample(50)[0], model.sample(50)[0])
    results = {name: value for name, value in vars(model).items() if name.endswith("_")}
    assert results.keys() == {name for name in vars(again) if name.endswith("_")}
    for name, value in results.items():
        assert isinstance(value, np.ndarray) and np.array_equal(value, getattr(again, name))
    other = {HMMGLM: OneHotHMMGLM, OneHotHMMGLM: HMMGLM}[type(fitted)]
    message = f"path: got .* with {type(fitted).__name__}, expected a saved {other.__name__}"
    refused(message, other.load, tmp_path / "fit.safetensors")
    (tmp_path / "text").write_text("no tensors")
    refused(r"path: got .*, expected a safetensors file", HMMGLM.load, tmp_path / "text")


def test_trials_of_one_bin(recording):
    for kind in (HMMGLM, OneHotHMMGLM):
        model = kind(2, n_init=1, max_iter=3).fit([row[None] for row in recording[0][:60]])
        assert np.isfinite(model.weights_).all() and model.predict(recording[0][:1]).shape == (1,)


def test_lists_stacks_and_tensors(recording):
    counts = recording[0]
    model = HMMGLM(2, n_init=1, max_iter=3).fit([counts[:300], counts[300:1000]])
    path, shares = model.predict([counts[:300], counts[300:1000]]), model.predict_proba([counts[:50]])
    assert [len(part) for part in path] == [300, 700] and shares[0].shape == (50, 2)
    stack = counts[:600].reshape(2, 300, 4)
    assert model.score(stack) == pytest.approx(model.score([stack[0], stack[1]]))
    assert model.score(torch.from_numpy(counts[:50])) == model.score(counts[:50])


def test_spike_times_of_pynapple(recording):
    """By a stand-in that counts as pynapple does: once for each interval of the support."""

    class TsGroup:
        time_support = (0, 1)

        def count(self, bin_size, ep):
            assert bin_size == pytest.approx(0.02)
            return recording[0][300 * ep : 300 * (ep + 1)]

    TsGroup.__module__ = "pynapple.core.ts_group"
    model = HMMGLM(2, n_init=1, max_iter=3, bin_ms=20.0).fit(TsGroup())
    assert model.score(TsGroup()) == model.score([recording[0][:300], recording[0][300:600]])
    assert [len(part) for part in model.predict(TsGroup())] == [300, 300]


def test_the_number_of_states_and_the_penalty_are_selected(recording):
    counts = recording[0][:2000]
    chosen = select(HMMGLM(n_init=1, max_iter=15), counts, {"n_states": [1, 2], "l1": [1.0, 1000.0]}, progress=False)
    assert (chosen.best.n_states, chosen.best.l1) == (2, 1.0)
    assert chosen.held_out.shape == (4, 4) and chosen.candidates[3] == {"n_states": 2, "l1": 1000.0}
    assert chosen.best.predict(counts).shape == (2000,)
    refused(r"grid: got \{\}", select, HMMGLM(), counts, {})
    refused("n_state: got a parameter that HMMGLM does not have", select, HMMGLM(), counts, {"n_state": [1, 2]})
    refused("folds: got 1", select, HMMGLM(), counts, {"n_states": [1]}, folds=1)


def test_parameters_are_told_and_set():
    model = HMMGLM(3, l1=2.0)
    assert model.set_params(n_states=4).n_states == 4 and model.get_params()["l1"] == 2.0
    assert repr(model).startswith("HMMGLM(n_states=4, emission='poisson'")
    refused("states: got a parameter that HMMGLM does not have", model.set_params, states=4)


@pytest.mark.parametrize("name, value", [
    ("n_states", 0), ("n_init", 0), ("max_iter", 0), ("tol", -1.0), ("bin_ms", 0.0), ("prior_sd", 0.0), ("l1", -1.0),
    ("init", "zeros"), ("basis", np.full((3, 1), np.nan)),
])  # fmt: skip
def test_arguments_out_of_range_are_named_as_they_were_given(name, value, recording):
    for kind in (HMMGLM, OneHotHMMGLM):
        if name in kind().get_params():
            with pytest.raises(ValueError, match=f"^{name}: got"):
                kind().set_params(**{name: value}).fit(recording[0][:50])


def test_what_cannot_be_fitted_is_named(recording):
    counts = recording[0][:100].astype(float)
    refused("HMMGLM: got no fit yet", HMMGLM().predict, counts)
    missing = counts.copy()
    missing[7, 2] = np.nan
    refused(r"X\[1\]: got a count that is not finite", HMMGLM().fit, [counts, missing])
    refused(r"X\[0\]", HMMGLM().fit, counts + 0.5)
    refused(r"X\[1\]: got shape \(0, 4\)", HMMGLM().fit, [counts, counts[:0]])
    refused(r"X\[0\]: got shape \(100,\), expected \(time, neurons\)", HMMGLM().fit, counts[:, 0])
    refused("X: got 3 neurons", HMMGLM(1, n_init=1, max_iter=1).fit(counts).score, counts[:, :3])
    silent = counts.copy()
    silent[:, 1] = 0
    with pytest.warns(UserWarning, match=r"neurons \[1\] never fire"):
        HMMGLM(1, n_init=1, max_iter=1).fit(silent)


def test_the_marginal_likelihood_by_all_paths():
    weights = 0.6 * torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(0))
    transition = torch.tensor([[0.95, 0.05], [0.05, 0.95]])
    parameters = Parameters(weights, transition.log(), torch.tensor([0.3, 0.7]).log())
    trials, _ = sample_spikes(parameters, Emission(), 2, 7, torch.Generator().manual_seed(1))
    whole = design(trials, dtype=torch.float64)
    regression = whole._replace(lengths=torch.tensor([7, 4]))
    evidence = log_emission(parameters, regression, Emission())
    marginal = marginal_log_likelihood(parameters, regression, Emission())
    for trial, length in enumerate([7, 4]):
        logs = evidence[trial, :length], parameters.log_transition, parameters.log_initial
        log_joint = reference.all_paths(*logs).log_joint
        assert marginal[trial].item() == pytest.approx(log_joint.logsumexp(0).item(), rel=1e-6)


def test_constant_rates_by_hand():
    """Means with half a spike and a bin added: 2.5 / 4 and .5 / 4, whatever the link."""
    train = design(Trials.from_sequences([torch.tensor([[1, 0], [0, 0]]), torch.tensor([[1, 0]])], 1.0))
    test = design(Trials.from_sequences([torch.tensor([[2, 0]]), torch.tensor([[0, 1], [1, 0]])], 1.0))
    found = homogeneous_log_likelihood(train, test, Emission(link="sigmoid"))
    a, b = 2.5 / 4, 0.5 / 4
    first = 2 * math.log(a) - a - math.log(2) - b
    second = -a + math.log(b) - b + math.log(a) - a - b
    assert found.tolist() == pytest.approx([first, second])


def test_constant_probabilities_of_a_bernoulli_emission_by_hand():
    train = design(Trials.from_sequences([torch.tensor([[1], [0], [1]])], 1.0))
    test = design(Trials.from_sequences([torch.tensor([[1], [0]])], 1.0))
    p = 2.5 / 4
    assert homogeneous_log_likelihood(train, test, Emission("bernoulli")).item() == pytest.approx(math.log(p * (1 - p)))


def test_unfit_rates(unchecked):
    one, other = (design(Trials.from_sequences([torch.ones(3, n)], 1.0)) for n in (1, 2))
    refused("test: got 2 neurons, expected 1", homogeneous_log_likelihood, one, other, Emission())
    refused("spikes: got 0", bits_per_spike, torch.zeros(2), torch.zeros(2), 0)
    refused(r"baseline: got the shape \(3,\)", bits_per_spike, torch.zeros(2), torch.zeros(3), 1)


TRUE = torch.tensor([[0, 0, 1, 1, 2, 2], [2, 2, 2, 0, 9, 9]])
FOUND = torch.tensor([[1, 1, 2, 2, 0, 1], [0, 0, 0, 1, -1, -1]])  # 0 -> 1, 1 -> 2, 2 -> 0, but for one bin
LENGTHS = torch.tensor([6, 4])


def test_the_states_that_share_most_bins_are_matched():
    assert match_states(TRUE, FOUND, LENGTHS, 3).tolist() == [1, 2, 0]
    assert state_accuracy(TRUE, FOUND, LENGTHS, 3) == pytest.approx(9 / 10)


def test_more_states_than_true_ones():
    true, found = torch.tensor([[0, 0, 0, 1, 1]]), torch.tensor([[2, 2, 0, 1, 1]])
    assert state_accuracy(true, found, torch.tensor([5]), 3) == pytest.approx(4 / 5)
    assert match_states(true, found, torch.tensor([5]), 3).tolist() == [2, 1, 0]


def test_models_follow_the_permutation():
    permutation = match_states(TRUE, FOUND, LENGTHS, 3)
    weights = torch.arange(3.0).view(3, 1, 1).expand(3, 2, 4)
    transition = 10 * torch.arange(3.0)[:, None] + torch.arange(3.0)
    ordered = reorder(Parameters(weights, transition, torch.arange(3.0)), permutation)
    assert ordered.log_initial.tolist() == ordered.weights[:, 0, 0].tolist() == [1, 2, 0]
    assert ordered.log_transition.tolist() == [[11, 12, 10], [21, 22, 20], [1, 2, 0]]
    runs = reorder(Parameters(*(torch.stack((part, part)) for part in ordered)), permutation)
    assert runs.weights.shape == (2, 3, 2, 4) and runs.log_transition[1, 0].tolist() == [22, 20, 21]


def test_unfit_arguments(unchecked):
    refused(r"estimated: got the shape \(2, 5\)", match_states, TRUE, FOUND[:, :5], LENGTHS, 3)
    refused(r"lengths: got \[6\], expected one of 1 to 6 bins", match_states, TRUE, FOUND, torch.tensor([6]), 3)
    refused("true: got states 0 to 9, expected 0 to 2", match_states, TRUE, FOUND, torch.tensor([6, 5]), 3)


def test_what_is_no_permutation():
    parameters = Parameters(torch.zeros(2, 1, 2), torch.zeros(2, 2), torch.zeros(2))
    refused("expected the states 0 to 1", reorder, parameters, torch.tensor([0, 2, 1]))


def test_weight_errors_by_hand():
    found = weight_error(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 1.0], [3.0, 7.0]]))
    assert found.absolute == 1
    assert found.correlation == pytest.approx(10 / math.sqrt(5 * 24))
    assert math.isnan(weight_error(torch.ones(3), torch.arange(3.0)).correlation)


def test_the_area_is_the_probability_that_an_edge_outranks_another_pair():
    """With many ties."""
    generator = torch.Generator().manual_seed(0)
    true = torch.rand(200, generator=generator) < 0.3
    scores = torch.randint(10, (200,), generator=generator).double() + 3 * true
    difference = scores[true][:, None] - scores[~true]
    assert edge_auc(true, scores) == pytest.approx(((difference > 0).double() + (difference == 0) / 2).mean().item())
    assert math.isnan(edge_auc(torch.zeros(3).bool(), torch.zeros(3)))


def test_unfit_wirings(unchecked):
    refused(r"estimated: got the shape \(2,\), expected true's \(3,\)", weight_error, torch.zeros(3), torch.zeros(2))
    refused("scores: got values that are not finite", edge_auc, torch.tensor([True]), torch.full((1,), torch.nan))
