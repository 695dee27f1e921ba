"""The paper's M-step: a maximum a posteriori on the relaxation, by Adam with its gradient in closed form.

What is climbed are logits of a and of a_0, logarithms of strengths, and biases. Within an M-step the likelihood is
Fisher's quadratic of Q about the weights at hand, so that a step of Adam costs S N D^2 operations whatever the length
of the recording; the next M-step has a new quadratic.

The density of the Gumbel-Softmax (or Concrete) distribution, equation (5), of three classes c at temperature tau:

    p(a | a_0, tau) = 2 tau^2 product of [a_0c a_c^(-tau - 1)] / (sum of [a_0c a_c^-tau])^3,

with respect to the area of (a_inh, a_no). Towards a corner, as two of the a become e^-d, it grows as e^((2 - tau) d),
without bound: no maximum a posteriori exists, and the prior's pull to a corner is as strong as one lets d grow. Here
`bounded` keeps d to `DEPTH` = 20 nats, the official code's limit, which is 36 nats of log density at tau = 0.2. All
corners are equally deep, up to a_0, so the limit hardly weighs one class against another. The prior holds each a in the
corner that it came to first, so the start decides: see `Relaxed.start`.
"""

import math

import torch
from jaxtyping import Float, Float64
from torch import Tensor
from torch.distributions import Normal

from brainlib.brainstates.design import Design
from brainlib.brainstates.fitting.sums import Weighted
from brainlib.brainstates.onehot.edges import Quadratic
from brainlib.brainstates.onehot.model import BIAS_SD, EXCITATORY, INHIBITORY, TEMPERATURE, OneHot, hard_weights

THRESHOLD = 4.0  # standard errors, of a state and of all together, that a weight needs at the start to be a connection
LEAST_STRENGTH = 1e-4
STEPS, LEARNING_RATE = 60, 0.02  # of Adam, an M-step
DEPTH = 20.0

Classes = Float[Tensor, "*#any 3"]


def softmax(logits: Classes) -> Classes:
    """As torch's, which takes six times as long over a last axis of three."""
    unscaled = (logits - logits.amax(-1, keepdim=True)).exp()
    return unscaled / unscaled.sum(-1, keepdim=True)


def bounded(logits: Classes) -> Classes:
    """The logits with none more than `DEPTH` below the highest, which is put to 0."""
    return (logits - logits.amax(-1, keepdim=True)).clamp(min=-DEPTH)


def log_concrete(log_a: Classes, log_prior: Classes, temperature: float) -> Float[Tensor, "*any"]:
    """log p(a | a_0, tau), equation (5), of log a and log a_0; the latter counts up to a constant."""
    powers = log_prior - temperature * log_a
    return math.log(2) + 2 * math.log(temperature) + (powers - log_a).sum(-1) - 3 * torch.logsumexp(powers, dim=-1)


def log_concrete_gradients(log_a: Classes, log_prior: Classes, temperature: float) -> tuple[Classes, Classes]:
    """The gradients of `log_concrete` to logits of which a is the softmax, and to log a_0.

    With q = softmax(log a_0 - tau log a) they are 3 (tau q + a) - (tau + 1) and 1 - 3 q.
    """
    q = softmax(log_prior - temperature * log_a)
    return 3 * (temperature * q + log_a.exp()) - (temperature + 1), 1 - 3 * q


class Relaxed:
    """The M-step that `fit_one_hot` repeats, and its variables, float64: `logits` [S, N, N, 3] of a, `prior_logits`
    [N, N, 3] of a_0, `log_strength` [S, N, N] and `bias` [S, N].
    """

    def __init__(self, model: OneHot, design: Design) -> None:
        self.model = model
        self.values: dict[str, Tensor] = {}

    def start(self, quadratic: Quadratic) -> None:
        """From the quadratic's centre: sizes of weights as strengths, and as logits of the signs the evidence of each.

        The evidence is the weight in standard errors, of the state by itself plus of all states together, as they share
        a_0; the logit of no connection is `THRESHOLD`.
        """
        coupling, precision = quadratic.centre[..., :-1], quadratic.precision[..., :-1].clamp(min=0)
        together = (coupling * precision).sum(0) / precision.sum(0).clamp(min=1e-12).sqrt()
        evidence = coupling * precision.sqrt() + together
        logits = bounded(torch.stack((-evidence, torch.full_like(evidence, THRESHOLD), evidence), -1))
        self.values = {
            "logits": logits,
            "prior_logits": torch.zeros_like(logits[0]),
            "log_strength": coupling.abs().clamp(min=LEAST_STRENGTH).log(),
            "bias": quadratic.centre[..., -1].clone(),
        }
        self.adam = torch.optim.Adam(self.values.values(), LEARNING_RATE, maximize=True)

    def maximise(self, weights: Float64[Tensor, "states neurons features"], data: Weighted) -> Tensor:
        """Weights with relaxed a. The first time `weights` are the start."""
        quadratic = Quadratic.about(weights, data)
        if not self.values:
            self.start(quadratic)
        for _ in range(STEPS):
            for name, gradient in self.gradients(quadratic).items():
                self.values[name].grad = gradient
            self.adam.step()
            for name in ("logits", "prior_logits"):
                self.values[name].copy_(bounded(self.values[name]))
        return self.weights()

    def gradients(self, quadratic: Quadratic) -> dict[str, Tensor]:
        """Of the quadratic plus the log prior, to each of the variables."""
        model, (logits, prior_logits, log_strength, bias) = self.model, self.values.values()
        a, strength = softmax(logits), log_strength.exp()
        net = a[..., EXCITATORY] - a[..., INHIBITORY]
        slope = quadratic.slope_at(torch.cat((net * strength, bias[..., None]), -1))
        pull = slope[..., :-1] * strength
        by_a = torch.stack((-pull, torch.zeros_like(pull), pull), -1)
        by_density, by_log_a0 = log_concrete_gradients(
            logits.log_softmax(-1), prior_logits.log_softmax(-1), TEMPERATURE
        )
        return {
            "logits": a * (by_a - (a * by_a).sum(-1, keepdim=True)) + by_density,
            "prior_logits": by_log_a0.sum(0),  # its classes sum to 0, so normalising log a_0 changes nothing
            "log_strength": pull * net - (log_strength - model.strength_mean) / model.strength_sd**2,
            "bias": slope[..., -1] - bias / BIAS_SD**2,
        }

    def weights(self) -> Float64[Tensor, "states neurons features"]:
        """Equation (3) with a = softmax(logits), and the bias."""
        logits, _, log_strength, bias = self.values.values()
        a = softmax(logits)
        return torch.cat(((a[..., EXCITATORY] - a[..., INHIBITORY]) * log_strength.exp(), bias[..., None]), -1)

    def log_prior(self) -> float:
        """The log density of equations (5) and (6)."""
        model, (logits, prior_logits, log_strength, bias) = self.model, self.values.values()
        total = log_concrete(logits.log_softmax(-1), prior_logits.log_softmax(-1), TEMPERATURE).sum()
        total += Normal(model.strength_mean, model.strength_sd).log_prob(log_strength).sum()
        return float(total + Normal(0.0, BIAS_SD).log_prob(bias).sum())

    def outcome(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The weights with each a put to the corner of its likeliest class, a, a_0, and strengths."""
        a, strengths = softmax(self.values["logits"]), self.values["log_strength"].exp()
        weights = torch.cat((hard_weights(a, strengths), self.values["bias"][..., None]), -1)
        return weights, a, softmax(self.values["prior_logits"]), strengths
