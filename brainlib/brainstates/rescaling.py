"""Time rescaling for binned spikes: under the true model every interval, measured in the model's own time, is drawn
from one and the same distribution, which a Kolmogorov-Smirnov test can check.

Let y_t = 1 if a neuron fires in bin t at all, and q_t = P(y_t = 1 | all spikes before t), which the model says. Write
1 - q_t = exp(-Q_t): a bin is survived as is a stretch of length Q_t = -log(1 - q_t) of a Poisson process of rate 1.
In that process the first event within the stretch, given that there is one, comes after an exponential time cut off at
Q_t, whose distribution function is (1 - e^-d) / (1 - e^-Q_t) = (1 - e^-d) / q_t. So for an interval that ends in bin t

    xi = sum of Q over the bins since the last bin with spikes + d,     d = -log(1 - r q_t),  r ~ U(0, 1)

is exactly exponential, and u = 1 - exp(-xi) uniform, whatever the width of the bins: Haslinger, Pipa and Brown (2010).
Without the draw of d the values are too coarse, and bins that are not short look like misfit. An exponential time has
no memory: what a trial's end cuts off goes on in the next trial, and no interval is lost but the last.

How many spikes a bin holds beyond the first is not looked at.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from brainlib.brainstates.design import Design
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.inference import hidden_chain
from brainlib.brainstates.kernels import filter_states
from brainlib.brainstates.parameters import Parameters
from brainlib.extras import extra


class RescaledTimes(NamedTuple):
    """The intervals of all neurons, one after the other.

    >>> times = RescaledTimes(torch.linspace(0.05, 0.95, 10).double(), torch.zeros(10, dtype=torch.int64))
    >>> bool(times.of(neuron=0).pvalue > 0.99)
    True
    """

    uniform: Float64[Tensor, "events"]  # u, uniform on 0 .. 1 under the true model
    neuron: Int64[Tensor, "events"]

    def of(self, neuron: int) -> Any:
        """SciPy's `kstest` of one neuron's intervals, if it has any: `statistic`, the largest distance from the uniform
        distribution, and `pvalue`. Exact, but for the last interval, which the recording's end cuts off.
        """
        with extra("notebook"):
            from scipy.stats import kstest

        return kstest(self.uniform[self.neuron == neuron].numpy(), "uniform")


@torch.no_grad()
def time_rescaling(
    parameters: Parameters, design: Design, emission: Emission, generator: torch.Generator
) -> RescaledTimes:
    """The rescaled intervals of a recording under a model, by its one-step predictions (only the past is looked at):

        P(y_t = 0 | x_1 .. x_{t-1}) = sum over s of P(z_t = s | x_1 .. x_{t-1}) P(x_{t, n} = 0 | z_t = s, history).

    Raises `ValueError` as `log_emission` does.

    >>> from brainlib.brainstates.design import design
    >>> from brainlib.brainstates.simulate import sample_spikes
    >>> brain = Parameters(torch.zeros(1, 3, 4), torch.zeros(1, 1), torch.zeros(1))
    >>> trials, _ = sample_spikes(brain, Emission(), 1, 200, torch.Generator().manual_seed(0))
    >>> times = time_rescaling(brain, design(trials), Emission(), torch.Generator().manual_seed(1))
    >>> len(times.uniform) == (trials.counts > 0).sum()
    tensor(True)
    """
    evidence, log_transition, log_initial, lengths = hidden_chain(parameters, design, emission)
    states = filter_states(evidence, log_transition, log_initial, lengths).states
    prior = torch.cat((log_initial.exp()[:, None], states[:, :-1] @ log_transition.exp()), 1)  # P(z_t | x_1 .. x_{t-1})
    prior = prior[design.mask].double()
    log_prior = (prior / prior.sum(-1, keepdim=True)).log()
    features, fired = design.features[design.mask], design.counts[design.mask] > 0
    uniform, neurons = [], []
    for n, weights in enumerate(parameters.weights.to(features).unbind(1)):
        log_none = emission.log_prob(features @ weights.T, design.counts.new_zeros(())).double()
        stretch, events = -torch.logsumexp(log_none + log_prior, 1).clamp(max=0).cpu(), fired[:, n].cpu()  # Q
        drawn = torch.rand(int(events.sum()), generator=generator, dtype=torch.float64)
        within = -torch.log1p(drawn * torch.expm1(-stretch[events]))
        before = torch.where(events, 0, stretch).cumsum(0)[events]
        times = before.diff(prepend=before.new_zeros(1)) + within
        uniform.append(-torch.expm1(-times))
        neurons.append(torch.full((len(times),), n))
    return RescaledTimes(torch.cat(uniform), torch.cat(neurons))
