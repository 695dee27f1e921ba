"""What is asked of a frozen network beside its answers: what new readouts find in its state, and how its weights stand.

The readouts are not part of the official code.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, pad

from brainlib.timescales.evaluation import RunningTest, running_test
from brainlib.timescales.model import LeakyRNN
from brainlib.timescales.network import Network
from brainlib.timescales.tasks import Task

PENALTY = 1e-4  # on the squared weights of standardised states
ITERATIONS = 100  # of L-BFGS


def fresh_readouts(
    network: Network, task: Task, spans: Sequence[int], generator: torch.Generator, *, sequences: int = 20
) -> dict[int, float]:
    """The share of right answers of a new readout for each of `spans`, a logistic regression on the state.

    Balanced bits, answers along running sequences as in `running_test`, which is drawn twice: once to fit and once to
    judge. The network is not changed. Raises `ValueError` as `running_test`.
    """
    heads = [0] * len(spans)
    fit, judge = (running_test(network, task, spans, heads, generator, sequences=sequences) for _ in range(2))
    states = fit.states(network).flatten(0, 1)
    middle, scale = states.mean(0), states.std(0).clamp_min(1e-6)
    weight = _logistic_regression((states - middle) / scale, _answers(fit))
    given = pad((judge.states(network).flatten(0, 1) - middle) / scale, (0, 1), value=1.0) @ weight > 0
    right = (given == _answers(judge).bool()).double().mean(0)
    return dict(zip(spans, right.tolist(), strict=True))


def radius(network: LeakyRNN) -> float:
    """The largest modulus of the eigenvalues of W."""
    return float(torch.linalg.eigvals(network.weight.detach().double()).abs().max())


def weight_mean(network: LeakyRNN) -> float:
    """Of the weights between two different units."""
    weight = network.weight.detach().double()
    return float(weight.sum() / (weight.numel() - len(weight)))  # the diagonal is zero


def _answers(test: RunningTest) -> Tensor:
    return test.answers.flatten(1).T.contiguous().float()  # [samples, spans]


def _logistic_regression(features: Tensor, answers: Tensor) -> Tensor:
    """Weights [inputs and 1, spans] for the features [samples, inputs] and, in the last row, a constant."""
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
