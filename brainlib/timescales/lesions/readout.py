"""What is left in a network's state, whatever its own readouts say: new linear readouts, fitted to the frozen network.

Used in chapters/timescales/03_lesions.ipynb; not part of the official code.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, pad

from brainlib.timescales.network import Network
from brainlib.timescales.tasks import Task
from brainlib.timescales.testing import RunningTest, running_test

PENALTY = 1e-4  # on the squared weights of standardised states
ITERATIONS = 100  # of L-BFGS


def fresh_readouts(
    network: Network, task: Task, spans: Sequence[int], generator: torch.Generator, *, sequences: int = 20
) -> dict[int, float]:
    """The share of right answers of a new readout for each of `spans`, a logistic regression on the state.

    Balanced bits, answers along running sequences as in `running_test`, which is drawn twice: once to fit and once to
    judge. The network is not changed. Raises `ValueError` as `running_test`.
    """
    fit, judge = (shared_tests(network, task, spans, generator, sequences) for _ in range(2))
    states = _states(network, fit[0])
    middle, scale = states.mean(0), states.std(0).clamp_min(1e-6)
    weight = _logistic_regression((states - middle) / scale, _answers(fit))
    given = pad((_states(network, judge[0]) - middle) / scale, (0, 1), value=1.0) @ weight > 0
    right = (given == _answers(judge).bool()).double().mean(0)
    return dict(zip(spans, right.tolist(), strict=True))


def shared_tests(
    network: Network, task: Task, spans: Sequence[int], generator: torch.Generator, sequences: int
) -> list[RunningTest]:
    """A running test for each of `spans` on the same bits, so that one run of the network serves all."""
    begin = generator.get_state()
    tests = []
    for span in spans:
        generator.set_state(begin)
        tests.append(running_test(network, task, span, 0, generator, sequences=sequences))
    return tests


def _states(network: Network, test: RunningTest) -> Float[Tensor, "samples units"]:
    with torch.no_grad():
        return network.states(test.bits, test.h0)[-len(test.answers) :].flatten(0, 1)


def _answers(tests: Sequence[RunningTest]) -> Float[Tensor, "samples spans"]:
    return torch.stack([test.answers.flatten() for test in tests], dim=1).float()


def _logistic_regression(
    features: Float[Tensor, "samples units"], answers: Float[Tensor, "samples spans"]
) -> Float[Tensor, "inputs spans"]:
    """Weights for the features and, in the last row, a constant."""
    features = pad(features, (0, 1), value=1.0)
    weight = features.new_zeros(features.shape[1], answers.shape[1], requires_grad=True)
    optimizer = torch.optim.LBFGS([weight], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        fit = binary_cross_entropy_with_logits(features @ weight, answers, reduction="none").mean(0).sum()
        (total := fit + PENALTY * weight[:-1].square().sum()).backward()
        return total

    optimizer.step(loss)
    return weight.detach()
