"""Estimators, named and called as scikit-learn's are: `HMMGLM` and `OneHotHMMGLM`, and `select` among them.

They are thin: `design`, `fit`, `fit_one_hot`, `posterior` and `sample_spikes` do the work, and can be used as they are.

    model = HMMGLM(n_states=3, l1=10.0).fit(counts)  # (time, neurons), or a list of such arrays
    states, probabilities = model.predict(counts), model.predict_proba(counts)
    model.save("three-states.safetensors")
    again = HMMGLM.load("three-states.safetensors")
"""

import itertools
import json
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from brainlib.arguments import seeded, whole_number
from brainlib.brainstates.design import Design, design, exponential_basis
from brainlib.brainstates.emissions import Emission, Kind, Link
from brainlib.brainstates.evaluation import marginal_log_likelihood
from brainlib.brainstates.fitting import GaussianPrior, Model, fit
from brainlib.brainstates.inference import hidden_chain, posterior
from brainlib.brainstates.kernels import viterbi
from brainlib.brainstates.onehot import OneHot, fit_one_hot
from brainlib.brainstates.parameters import Parameters
from brainlib.data.trials import Trials
from brainlib.progress import progress_bar

Estimator = TypeVar("Estimator", bound="_Estimator")
ARGUMENTS = {  # of the estimators, by what the functions beneath call them in their errors
    "states": "n_states",
    "restarts": "n_init",
    "iterations": "max_iter",
    "tolerance": "tol",
    "sd": "prior_sd",
    "start": "init",
    "kind": "emission",
    "design": "basis",
    "counts": "X",
}


@dataclass(eq=False)
class _Estimator:
    """What both estimators share. Results end in an underscore; `parameters_` has them all."""

    n_states: int = 2
    _: KW_ONLY
    emission: Kind = "poisson"
    link: Link = "softplus"
    basis: Float[Tensor, "lags functions"] | np.ndarray | list[list[float]] | None = None
    n_init: int = 3
    max_iter: int = 100
    tol: float = 1e-5
    bin_ms: float = 1.0
    random_state: int | None = 0

    coupling = True  # an argument of `HMMGLM` alone

    # ---- Arguments ----

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments of the constructor, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def set_params(self: Estimator, **params: Any) -> Estimator:
        """Other arguments, by name. Raises `ValueError` for one that there is not."""
        for name, value in params.items():
            if name not in self.get_params():
                raise ValueError(f"{name}: got a parameter that {type(self).__name__} does not have")
            setattr(self, name, value)
        return self

    # ---- Use ----

    def fit(self: Estimator, X: Any, y: None = None) -> Estimator:
        """Fits to spike counts: an array (time, neurons), a list of them, or a pynapple `TsGroup` (bins of `bin_ms`).

        Counts may be of any integer type, or floats of whole numbers. Warns of neurons that never fire: nothing
        determines their weights. Raises `ValueError` for NaN (cut the recording there and pass a list), for counts that
        the emission cannot give, and for arguments out of range.
        """
        trials = self._trials(X)
        silent = (trials.counts.sum((0, 1)) == 0).nonzero()[:, 0].tolist()
        if silent:
            warnings.warn(f"neurons {silent} never fire: their weights are not determined", stacklevel=2)
        try:
            how = {"restarts": self.n_init, "iterations": self.max_iter, "tolerance": self.tol}
            results = self._fitted(self._design(trials), how | {"seed": _seed(self.random_state)})
        except ValueError as error:
            name, colon, rest = str(error).partition(":")
            raise ValueError(f"{ARGUMENTS.get(name, name)}{colon}{rest}") from error
        for name, result in results.items():
            setattr(self, f"{name}_", result.numpy())
        return self

    def predict(self, X: Any) -> Any:
        """The most probable path of states (Viterbi's), an array (time,), or a list of them for a list."""
        data = self._seen(X)
        return self._split(X, viterbi(*hidden_chain(self.parameters_, data, self._emission)), data)

    def predict_proba(self, X: Any) -> Any:
        """p(state | all spikes), an array (time, states), or a list of them for a list."""
        data = self._seen(X)
        return self._split(X, posterior(self.parameters_, data, self._emission).states, data)

    def score(self, X: Any, y: None = None) -> float:
        """The marginal log-likelihood, log p(X), in nats a bin."""
        data = self._seen(X)
        return float(marginal_log_likelihood(self.parameters_, data, self._emission).sum()) / int(data.lengths.sum())

    def sample(self, bins: int, random_state: int | None = 0) -> tuple[np.ndarray, np.ndarray]:
        """Simulated counts (bins, neurons) and the states (bins,) behind them; `random_state`: a seed, None for any.

        Raises `ValueError` for a model that runs away to more than 10,000 spikes a bin.
        """
        from brainlib.brainstates.simulate import sample_spikes  # loads numba

        how: dict[str, Any] = {"basis": self._basis, "coupling": self.coupling, "bin_ms": self.bin_ms}
        trials, states = sample_spikes(self.parameters_, self._emission, 1, bins, seeded(_seed(random_state)), **how)
        return trials.counts[0].numpy(), states[0].numpy()

    @property
    def parameters_(self) -> Parameters:
        """Weights, log transitions and log first state as tensors, which the functions beneath take.

        Raises `ValueError` before `fit`.
        """
        if not hasattr(self, "weights_"):
            raise ValueError(f"{type(self).__name__}: got no fit yet, expected `fit` to be called first")
        return Parameters(*(torch.from_numpy(getattr(self, f"{name}_")) for name in Parameters._fields))

    @property
    def bias_(self) -> np.ndarray:
        """(states, neurons)"""
        return self.parameters_.bias.numpy()

    @property
    def coupling_(self) -> np.ndarray:
        """(states, to, from), through the basis's first function."""
        return self.parameters_.coupling.numpy()

    @property
    def transition_(self) -> np.ndarray:
        """(states, states): probabilities, rows sum to 1."""
        return self.parameters_.log_transition.exp().numpy()

    # ---- Files ----

    def save(self, path: str | Path) -> None:
        """Writes all of it, arguments and results, to a safetensors file."""
        from safetensors.numpy import save_file

        results = {name: np.ascontiguousarray(value) for name, value in vars(self).items() if name.endswith("_")}
        params = json.dumps(self.get_params(), default=lambda value: value.tolist())  # a basis, NumPy's numbers
        save_file(results, Path(path).expanduser(), {"estimator": type(self).__name__, "params": params})

    @classmethod
    def load(cls: type[Estimator], path: str | Path) -> Estimator:
        """Reads what `save` wrote; a basis is a list then. Raises `ValueError` for the file of anything else."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(Path(path).expanduser(), "np") as file:
                metadata, results = file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except SafetensorError as error:
            raise ValueError(f"path: got {path}, expected a safetensors file ({error})") from error
        if metadata.get("estimator") != cls.__name__ or not all(name.endswith("_") for name in results):
            kind = metadata.get("estimator", "something else")
            raise ValueError(f"path: got {path} with {kind}, expected a saved {cls.__name__}")
        estimator = cls(**json.loads(metadata["params"]))
        vars(estimator).update(results)
        return estimator

    # ---- Within ----

    def _fitted(self, data: Design, how: dict[str, Any]) -> dict[str, Tensor]:
        raise NotImplementedError

    @property
    def _emission(self) -> Emission:
        return Emission(self.emission, self.link)

    @property
    def _basis(self) -> Tensor:
        return exponential_basis() if self.basis is None else torch.as_tensor(self.basis, dtype=torch.float32)

    def _design(self, trials: Trials) -> Design:
        return design(trials, self._basis, coupling=self.coupling)

    def _seen(self, X: Any) -> Design:
        """The design of counts that a fitted model is asked about."""
        neurons = self.parameters_.weights.shape[1]
        trials = self._trials(X)
        if trials.neurons != neurons:
            raise ValueError(f"X: got {trials.neurons} neurons, expected {neurons} as in the fit")
        return self._design(trials)

    def _trials(self, X: Any) -> Trials:
        if isinstance(X, Trials):
            return X
        if type(X).__module__.split(".")[0] == "pynapple":  # a TsGroup; each interval of its support is a trial
            support = X.time_support
            X = [np.asarray(X.count(self.bin_ms / 1000, ep=support[place])) for place in range(len(support))]
        parts = [np.asarray(part) for part in (X if _several(X) else [X])]
        try:
            return Trials.from_sequences(parts, self.bin_ms)
        except ValueError as error:
            raise ValueError(str(error).replace("sequences", "X")) from None

    def _split(self, X: Any, values: Tensor, data: Design) -> Any:
        parts = [part[:length].numpy() for part, length in zip(values, data.lengths.tolist(), strict=True)]
        return parts if _several(X) or len(parts) > 1 else parts[0]


@dataclass(eq=False)
class HMMGLM(_Estimator):
    """A GLM of every neuron for each of `n_states` hidden states, fitted by expectation maximisation.

    - `emission`: "poisson" counts, or "bernoulli"; `link`: "softplus", "exp" or "sigmoid";
    - `coupling` False: states have rates alone, a Poisson HMM; `basis` (lags, functions): what a spike leaves behind
      in later bins, None for a decay by 1/e a bin over 5 bins;
    - `l1`: weight of the penalty on all coupling weights, nats; `prior_sd`: deviation of the states' weights from their
      mean (Gaussian prior), None for no prior;
    - `n_init` starts, "random" or "kmeans" (`init`); `max_iter` iterations, or until one gains less than `tol` nats a
      bin; `bin_ms`: width of the bins, which makes them of spike times; `random_state`: a seed, None for any.

    Results, as arrays: `coupling_`, `bias_`, `transition_`, and `log_likelihoods_` of the training data after each
    iteration, nats; and `parameters_`.

    >>> counts = np.random.default_rng(0).poisson(0.3, size=(500, 4))
    >>> model = HMMGLM(2, l1=5.0, n_init=1, max_iter=5).fit(counts)
    >>> model.coupling_.shape, model.predict(counts).shape, model.predict_proba(counts).shape
    ((2, 4, 4), (500,), (500, 2))
    """

    _: KW_ONLY
    coupling: bool = True
    l1: float = 0.0
    prior_sd: float | None = None
    init: str = "random"

    def _fitted(self, data: Design, how: dict[str, Any]) -> dict[str, Tensor]:
        prior = None if self.prior_sd is None else GaussianPrior(self.prior_sd)
        result = fit(Model(self.n_states, self._emission, prior, self.l1), data, start=self.init, **how)
        history = result.log_likelihoods[result.best_run]
        return result.parameters._asdict() | {"log_likelihoods": history[~history.isnan()]}


@dataclass(eq=False)
class OneHotHMMGLM(_Estimator):
    """The one-hot HMM-GLM: connections have signs that the states share a belief in (see `OneHot`).

    - `strength_mean`, `strength_sd`: of the logarithm of a connection's strength; `concentration`, `empirical`, `dale`:
      `OneHot`'s options;
    - `n_init`: random starts of the Gaussian model, an `HMMGLM` with `prior_sd` 1/3, from whose fit this one starts;
      `max_iter` iterations of this one (the Gaussian's are at most 100), or until two gain less than `tol` nats a bin;
    - `basis` (lags, 1): of one function, since a connection has one sign;
    - `emission`, `link`, `bin_ms`, `random_state` as in `HMMGLM`. It has no `coupling`, `l1`, `prior_sd` or `init`.

    Results beside those of `HMMGLM`: `adjacency_` (states, to, from, 3), probabilities that a connection is inhibitory,
    none, excitatory; `adjacency_prior_` (to, from, 3), what all states share; `strengths_` (states, to, from).

    >>> counts = np.random.default_rng(0).poisson(0.3, size=(500, 4))
    >>> model = OneHotHMMGLM(2, n_init=1, max_iter=3).fit(counts)
    >>> model.adjacency_.shape, model.sample(100)[0].shape
    ((2, 4, 4, 3), (100, 4))
    """

    max_iter: int = 30
    _: KW_ONLY
    strength_mean: float = -5.0
    strength_sd: float = 2.0
    concentration: Sequence[float] | None = None
    empirical: bool = False
    dale: bool = False

    def _fitted(self, data: Design, how: dict[str, Any]) -> dict[str, Tensor]:
        options = "strength_mean", "strength_sd", "concentration", "empirical", "dale"
        model = OneHot(self.n_states, self._emission, **{name: getattr(self, name) for name in options})
        result = fit_one_hot(model, data, **how)
        more = "adjacency", "adjacency_prior", "strengths", "log_likelihoods"
        return result.parameters._asdict() | {name: getattr(result, name) for name in more}


class Selection(NamedTuple):
    """What `select` gives: candidates by held-out log-likelihood, nats a bin; `best` is fitted to all of the data.

    >>> Selection("the best", [{"n_states": 1}, {"n_states": 2}], torch.zeros(2, 4)).candidates[1]
    {'n_states': 2}
    """

    best: Any
    candidates: list[dict[str, Any]]
    held_out: Float64[Tensor, "candidates folds"]


def select(
    estimator: HMMGLM | OneHotHMMGLM,
    X: Any,
    grid: Mapping[str, Sequence[Any]],
    *,
    folds: int = 4,
    progress: bool = True,
) -> Selection:
    """Cross-validation over all combinations of `grid`, such as `{"n_states": [1, 2, 3], "l1": [1.0, 10.0]}`.

    Folds are blocks of consecutive trials; fewer trials than folds are cut into pieces first, so that a block of time
    is held out. The combination with the highest mean is fitted again to everything. Raises `ValueError` for an empty
    grid, a name in it that is no argument, and fewer than 2 folds or bins for them.

    >>> counts = np.random.default_rng(0).poisson(0.3, size=(300, 4))
    >>> chosen = select(HMMGLM(n_init=1, max_iter=3), counts, {"n_states": [1, 2]}, folds=2, progress=False)
    >>> chosen.held_out.shape, chosen.best.n_states in (1, 2)
    (torch.Size([2, 2]), True)
    """
    whole_number("folds", folds, least=2)
    candidates = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    if not grid or not candidates:
        raise ValueError(f"grid: got {dict(grid)}, expected values for some parameters")
    models = [type(estimator)(**estimator.get_params()).set_params(**candidate) for candidate in candidates]
    trials = estimator._trials(X)
    if len(trials) < folds:
        trials = trials.cut(math.ceil(trials.bins / folds))
    if len(trials) < folds:
        raise ValueError(f"folds: got {folds}, expected at most {len(trials)} for so few bins")
    blocks = torch.arange(len(trials)).tensor_split(folds)
    jobs = list(itertools.product(range(len(candidates)), range(folds)))
    held_out = torch.zeros(len(candidates), folds, dtype=torch.float64)
    with progress_bar("cross-validation", "fit", len(jobs), shown=progress) as bar:
        for c, k in jobs:
            seen = torch.cat([block for place, block in enumerate(blocks) if place != k])
            held_out[c, k] = models[c].fit(trials.pick(seen)).score(trials.pick(blocks[k]))
            bar.update()
    return Selection(models[int(held_out.mean(1).argmax())].fit(X), candidates, held_out)


def _seed(random_state: int | None) -> int:
    if random_state is None:
        return int(np.random.default_rng().integers(2**31))
    return whole_number("random_state", random_state)


def _several(X: Any) -> bool:
    """Whether X is several trials and not the counts of one."""
    return isinstance(X, list | tuple) or np.ndim(X) == 3
