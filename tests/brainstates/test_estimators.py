"""The estimators: a simulated brain is found again, in every form that counts come in; files hold all of it."""

import numpy as np
import pytest
import torch
from refusals import refused

from brainlib.brainstates import HMMGLM, OneHotHMMGLM, select
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.parameters import Parameters
from brainlib.brainstates.simulate import sample_spikes


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
    assert np.allclose(fitted.transition_.sum(1), 1, atol=1e-5) and fitted.transition_.diagonal().min() > 0.9
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
