"""The peers of `brainstates_fitting`, in an interpreter that has them: needs numpy, and dynamax or nemos.

Started by it, never by hand (`peers`). An answer is the median seconds of an EM iteration and the training
log-likelihood before each. The folder has features.npy [B, T, D] with the bias last, counts.npy [B, T, N], and the
start: weights.npy [S, N, D], log_transition.npy and log_initial.npy.
"""

import statistics
import time
from pathlib import Path

import numpy as np

from benchmarks.peers import serve


def dynamax(features, counts, weights, log_transition, log_initial):
    """Its `HMM` with emissions of our own, a Poisson GLM in the inputs, as its documentation adds new ones. One EM step
    is that of `fit_em` under jit; the M-step is the default: 50 steps of Adam with a rate of 0.01.
    """
    from functools import partial
    from typing import NamedTuple

    import jax
    import jax.numpy as jnp
    import tensorflow_probability.substrates.jax.distributions as tfd
    from dynamax.hidden_markov_model.models.abstractions import HMM, HMMEmissions
    from dynamax.hidden_markov_model.models.initial import ParamsStandardHMMInitialState, StandardHMMInitialState
    from dynamax.hidden_markov_model.models.transitions import ParamsStandardHMMTransitions, StandardHMMTransitions
    from dynamax.parameters import ParameterProperties

    S, N, D = weights.shape

    class Weights(NamedTuple):
        weights: object

    class Model(NamedTuple):
        initial: object
        transitions: object
        emissions: object

    class PoissonGLM(HMMEmissions):
        num_states, emission_shape, inputs_shape = S, (N,), (D,)

        def distribution(self, params, state, inputs=None):
            return tfd.Independent(tfd.Poisson(jax.nn.softplus(params.weights[state] @ inputs)), 1)

        def initialize(self, key=None, method="prior", **_):
            return Weights(jnp.asarray(weights)), Weights(ParameterProperties())

        def log_prior(self, params):
            return 0.0

    class CoupledHMM(HMM):
        inputs_shape = (D,)

    initial, transitions = StandardHMMInitialState(S, 1.1), StandardHMMTransitions(S, 1.1, 0.0)
    model = CoupledHMM(S, initial, transitions, PoissonGLM())
    model.initial_component, model.transition_component = initial, transitions
    properties = Model(
        initial.initialize(jax.random.PRNGKey(0))[1],
        transitions.initialize(jax.random.PRNGKey(0))[1],
        Weights(ParameterProperties()),
    )
    params = Model(
        ParamsStandardHMMInitialState(jnp.exp(log_initial)),
        ParamsStandardHMMTransitions(jnp.exp(log_transition)),
        Weights(jnp.asarray(weights)),
    )
    inputs, emissions = jnp.asarray(features), jnp.asarray(counts, jnp.float32)

    @jax.jit
    def step(carry):
        statistics, likelihoods = jax.vmap(partial(model.e_step, carry[0]))(emissions, inputs)
        return model.m_step(carry[0], properties, statistics, carry[1]), likelihoods.sum()

    return lambda carry: jax.block_until_ready(step(carry)), (params, model.initialize_m_step_state(params, properties))


def nemos(features, counts, weights, log_transition, log_initial):
    """The EM step of its GLM-HMM for a `PopulationGLM` under jit, all sequences in a row and started anew where one
    begins. The M-step is the default: L-BFGS until it has converged.
    """
    import jax
    import jax.numpy as jnp
    from nemos.glm import PopulationGLM
    from nemos.glm.params import GLMParams
    from nemos.glm_hmm.algorithm_configs import prepare_estep_log_likelihood, prepare_mstep_nll_objective_param
    from nemos.glm_hmm.expectation_maximization import GLMHMMState, em_step
    from nemos.glm_hmm.params import GLMHMMParams, GLMScale, HMMParams
    from nemos.observation_models import PoissonObservations

    S, N, _ = weights.shape
    B, T, _ = counts.shape
    X, y = jnp.asarray(features[..., :-1].reshape(B * T, -1)), jnp.asarray(counts.reshape(B * T, N), jnp.float32)
    new = jnp.arange(B * T) % T == 0
    coefficients = GLMParams(jnp.asarray(weights[..., :-1].transpose(2, 1, 0)), jnp.asarray(weights[..., -1].T))
    observed = PoissonObservations()
    objective = prepare_mstep_nll_objective_param(True, observed, jax.nn.softplus)
    glm = PopulationGLM(observed, inverse_link_function=jax.nn.softplus, solver_name="LBFGS")
    solver = glm._instantiate_solver(objective, coefficients)
    run = solver._solver_run
    likelihood = prepare_estep_log_likelihood(True, observed)
    scale = GLMScale(jnp.zeros((N, S)))
    params = GLMHMMParams(
        glm_params=coefficients,
        glm_scale=scale,
        hmm_params=HMMParams(jnp.asarray(log_initial), jnp.asarray(log_transition)),
    )
    state = GLMHMMState(-jnp.inf, -jnp.inf, jnp.full(1000, jnp.nan), 0)

    @jax.jit
    def step(carry):
        params, state = em_step(*carry, X, y, jax.nn.softplus, likelihood, run, None, new)
        return (params, state), B * T * jnp.log(state.data_log_likelihood)  # it keeps exp of the mean a bin

    return lambda carry: jax.block_until_ready(step(carry)), (params, state)


PEERS = {"dynamax": dynamax, "nemos": nemos}


def fitted(peer: str, folder: str, iterations: int) -> tuple[float, list[float]]:
    names = "features", "counts", "weights", "log_transition", "log_initial"
    step, start = PEERS[peer](*(np.load(Path(folder) / f"{name}.npy") for name in names))
    step(start)  # compiles
    carry, taken, likelihoods = start, [], []
    for _ in range(iterations):
        began = time.process_time()
        carry, likelihood = step(carry)
        taken.append(time.process_time() - began)
        likelihoods.append(float(likelihood))
    return statistics.median(taken), likelihoods


if __name__ == "__main__":
    serve(fitted)
