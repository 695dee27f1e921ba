"""The peers of `brainstates_inference`, in an interpreter that has them: needs numpy, and dynamax or hmmlearn.

Started by it, never by hand (`peers`). An answer is the time of the fastest run in seconds. The folder has
log_emission.npy [B, T, S], log_transition.npy and log_initial.npy; the peer leaves its posterior there.
"""

import functools
from pathlib import Path

import numpy as np

from benchmarks.peers import serve
from benchmarks.report import seconds


def dynamax(together: bool, log_emission, log_transition, log_initial):
    """`hmm_smoother` under jit in float32, as it is by default; all sequences together under vmap, or in turn."""
    import jax
    from dynamax.hidden_markov_model import hmm_smoother

    initial, matrix = jax.numpy.exp(log_initial), jax.numpy.exp(log_transition)
    sequences = jax.numpy.asarray(log_emission)
    smoother = jax.jit(jax.vmap(hmm_smoother, (None, None, 0)) if together else hmm_smoother)

    def run():
        if together:
            return jax.block_until_ready(smoother(initial, matrix, sequences))
        return [jax.block_until_ready(smoother(initial, matrix, sequence)) for sequence in split]

    split = [*sequences]

    def read(found):
        states = found.smoothed_probs if together else [one.smoothed_probs for one in found]
        return np.asarray(states)

    return run, read


def hmmlearn(scaling: bool, log_emission, log_transition, log_initial):
    """The C++ passes of an E-step, over log probabilities (the default) or scaled from exponentials."""
    from hmmlearn import _hmmc as passes

    initial, matrix = np.exp(log_initial.astype(float)), np.exp(log_transition.astype(float))
    logs = log_emission.astype(float)
    shifted = logs - logs.max(-1, keepdims=True)

    def by_logarithms():
        found = []
        for one in logs:
            _, ahead = passes.forward_log(initial, matrix, one)
            behind = passes.backward_log(initial, matrix, one)
            found.append((ahead, behind, passes.compute_log_xi_sum(ahead, matrix, behind, one)))
        return found

    def by_scaling():
        found = []
        for one in shifted:
            weights = np.exp(one)
            _, ahead, scale = passes.forward_scaling(initial, matrix, weights)
            behind = passes.backward_scaling(initial, matrix, weights, scale)
            found.append((np.log(ahead), np.log(behind), passes.compute_scaling_xi_sum(ahead, matrix, behind, weights)))
        return found

    def read(found):
        joint = np.stack([ahead + behind for ahead, behind, _ in found])
        joint = np.exp(joint - joint.max(-1, keepdims=True))
        return joint / joint.sum(-1, keepdims=True)

    return by_scaling if scaling else by_logarithms, read


PEERS = {
    "dynamax, vmap": functools.partial(dynamax, True),
    "dynamax, in turn": functools.partial(dynamax, False),
    "hmmlearn, log": functools.partial(hmmlearn, False),
    "hmmlearn, scaling": functools.partial(hmmlearn, True),
}


@functools.cache
def prepared(peer: str, folder: str):
    arrays = (np.load(Path(folder) / f"{name}.npy") for name in ("log_emission", "log_transition", "log_initial"))
    run, read = PEERS[peer](*arrays)
    np.save(Path(folder) / f"{peer}.npy", read(run()))
    return run


if __name__ == "__main__":
    serve(lambda peer, folder, times: min(seconds(prepared(peer, folder), times)))
