"""The authors' training recipe of their published demonstration, for the three models that it compares.

Trial after trial: the posterior of that trial's states, then `steps` of Adam (learning rate 0.01) on

    -[sum of gamma log p(x | z) + log prior]   of that trial, the whole prior counted every time,

and transitions from that trial alone. One bias a neuron for all states. HG has no prior; GHG has w_s ~ N(w_0, 1/9)
with w_0 the mean over states; OHG has equation (5) for the adjacency, with a sample of equation (4) in each step,
softplus strengths without a prior, and a halving of logits that are too extreme. Facts are from the official code and
its deleted predecessor; the code is our own: gradients in closed form, and per state only the bins that it has a part
in, all else as they have it.

Weights begin at 0, where all states are the same, and only rounding ever parts them. `ROUNDING` stands in for it. The
official code passes a_0 where the density of equation (5) expects log a_0, so that no class is ever believed in with
more than e / (e + 2) = 0.58: so it is here.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from brainlib.arguments import seeded
from brainlib.brainstates.design import Design
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.fitting.sums import NEGLIGIBLE
from brainlib.brainstates.inference import posterior
from brainlib.brainstates.onehot.model import EXCITATORY, INHIBITORY, hard_weights
from brainlib.brainstates.onehot.relaxation import DEPTH, log_concrete_gradients, softmax
from brainlib.brainstates.parameters import Parameters, sticky

EMISSION = Emission(link="sigmoid")
LEARNING_RATE = 0.01
STAY = 0.98
LEAST_LOG_TRANSITION = -8.0
GAUSSIAN_SD = 1 / 3
TEMPERATURE = 0.2
LEAST_UNIFORM = 1e-10  # torch.rand's 0 and 1 would make infinite noise
ROUNDING = 1e-6  # deviation of the noise in HG's and GHG's first weights


@torch.no_grad()
def fit_officially(
    kind: str,
    design: Design,
    states: int,
    *,
    emission: Emission = EMISSION,
    epochs: int = 10,
    steps: int = 50,
    seed: int = 0,
) -> Parameters:
    """Trains "HG", "GHG" or "OHG" as the official demonstration does, on a design of connections through one function
    and a bias. Weights of OHG end as those of the likeliest class of each connection.
    """
    generator = seeded(seed)
    model = _Adjacency(design, states, generator) if kind == "OHG" else _Weights(kind, design, states, generator)
    transition = sticky(states, STAY).log().to(design.features)
    initial = sticky(states, 1 / states)[0].log().to(design.features)
    adam = torch.optim.Adam(model.values.values(), LEARNING_RATE, maximize=True)
    trials = [design.pick([trial]) for trial in range(len(design.lengths))]
    for _ in range(epochs):
        for trial in trials:
            chain = posterior(Parameters(model.expected(), transition, initial), trial, emission)
            rows = Rows.of(trial, chain.states[0], emission)
            for _ in range(steps):
                model.step(rows, adam)
            transition = _transitions(chain.transitions[0], transition)
    return Parameters(model.outcome(), transition, initial)


class Rows(NamedTuple):
    """A trial's bins for state 0, then those for state 1, and so on; `ends` of the states among them."""

    features: Tensor  # [m, D]
    counts: Tensor  # [m, N]
    shares: Tensor  # [m, 1]
    ends: list[int]
    emission: Emission

    @classmethod
    def of(cls, trial: Design, gamma: Float[Tensor, "time states"], emission: Emission) -> "Rows":
        state, bins = (gamma.T >= NEGLIGIBLE).nonzero(as_tuple=True)
        ends = torch.bincount(state, minlength=gamma.shape[1]).cumsum(0).tolist()
        features = trial.features[0, bins]
        return cls(features, trial.counts[0, bins].to(features), gamma[bins, state, None], ends, emission)

    def gradient(self, weights: Float[Tensor, "states neurons features"]) -> Tensor:
        """Of the sum of gamma log p(x | z), [S, N, D]."""
        places = [slice(start, stop) for start, stop in zip([0, *self.ends], self.ends, strict=False)]
        drive = torch.cat([self.features[rows] @ w.T for rows, w in zip(places, weights, strict=True)])
        per_spike, per_bin, _ = self.emission.slopes(drive)
        score = (self.counts * per_spike - per_bin).mul_(self.shares)
        return torch.stack([score[rows].T @ self.features[rows] for rows in places])


def ascend(adam: torch.optim.Adam, values: dict[str, Tensor], gradients: dict[str, Tensor]) -> None:
    """A step up each of the gradients, of the values of the same names."""
    for name, gradient in gradients.items():
        values[name].grad = gradient
    adam.step()


class _Weights:
    """HG and GHG: free weights."""

    def __init__(self, kind: str, design: Design, states: int, generator: torch.Generator):
        N = design.counts.shape[-1]
        noise = ROUNDING * torch.randn(states, N, N, generator=generator)
        self.precision = 1 / GAUSSIAN_SD**2 if kind == "GHG" else 0.0
        self.values = {"coupling": noise.to(design.features), "bias": _mean_counts(design)}

    def expected(self) -> Tensor:
        return _with_bias(self.values["coupling"], self.values["bias"])

    outcome = expected

    def step(self, rows: Rows, adam: torch.optim.Adam) -> None:
        coupling = self.values["coupling"]
        gradient = rows.gradient(self.expected())
        by_coupling = gradient[..., :-1] + self.precision * (coupling.mean(0) - coupling)
        ascend(adam, self.values, {"coupling": by_coupling, "bias": gradient[..., -1].sum(0)})


class _Adjacency:
    """OHG: logits of a and of a_0, and softplus strengths."""

    def __init__(self, design: Design, states: int, generator: torch.Generator):
        N = design.counts.shape[-1]
        new = design.features.new_zeros
        self.generator = generator
        self.values = {
            "logits": new(states, N, N, 3),
            "prior_logits": new(N, N, 3),
            "strength": new(states, N, N),
            "bias": _mean_counts(design),
        }

    def expected(self) -> Tensor:
        return self.weights(softmax(self.values["logits"]))

    def weights(self, a: Tensor) -> Tensor:
        net = a[..., EXCITATORY] - a[..., INHIBITORY]
        return _with_bias(net * softplus(self.values["strength"]), self.values["bias"])

    def outcome(self) -> Tensor:
        hard = hard_weights(softmax(self.values["logits"]), softplus(self.values["strength"]))
        return _with_bias(hard, self.values["bias"])

    def step(self, rows: Rows, adam: torch.optim.Adam) -> None:
        logits, prior_logits, raw = (self.values[name] for name in ("logits", "prior_logits", "strength"))
        uniform = torch.rand(logits.shape, generator=self.generator).clamp_(min=LEAST_UNIFORM)
        gumbel = -(-uniform.log()).clamp_(min=LEAST_UNIFORM).log().to(logits)
        a = softmax((logits + gumbel) / TEMPERATURE)  # equation (4)
        gradient = rows.gradient(self.weights(a))
        by_coupling = gradient[..., :-1]
        pull = by_coupling * softplus(raw)
        by_a = torch.stack((-pull, torch.zeros_like(pull), pull), -1)
        a0 = softmax(prior_logits)
        by_density, by_a0 = log_concrete_gradients(logits.log_softmax(-1), a0, TEMPERATURE)  # theirs: not log a_0
        by_a0 = by_a0.sum(0)
        gradients = {
            "logits": a * (by_a - (a * by_a).sum(-1, keepdim=True)) / TEMPERATURE + by_density,
            "prior_logits": a0 * (by_a0 - (a0 * by_a0).sum(-1, keepdim=True)),
            "strength": by_coupling * (a[..., EXCITATORY] - a[..., INHIBITORY]) * raw.sigmoid(),
            "bias": gradient[..., -1].sum(0),
        }
        ascend(adam, self.values, gradients)
        for name in ("logits", "prior_logits"):
            extreme = (self.values[name].log_softmax(-1) < -DEPTH).any(-1, keepdim=True)
            self.values[name].mul_(torch.where(extreme, 0.5, 1.0))


def _with_bias(coupling: Tensor, bias: Tensor) -> Tensor:
    return torch.cat((coupling, bias[:, None].expand(len(coupling), -1, 1)), -1)


def _mean_counts(design: Design) -> Tensor:
    """[N]: what the official biases start from, though a bias is a drive and no count."""
    return design.counts.sum((0, 1)).to(design.features) / design.lengths.sum()


def _transitions(expected: Float[Tensor, "states states"], previous: Float[Tensor, "states states"]) -> Tensor:
    """softmax(max(log(xi_ss' / sum of xi_s), -8)); a state that was never left keeps its row."""
    total = expected.sum(-1, keepdim=True)
    floored = (expected / total).log().clamp(min=LEAST_LOG_TRANSITION).log_softmax(-1)
    return torch.where(total > 0, floored, previous)
