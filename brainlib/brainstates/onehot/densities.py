"""The densities of the one-hot prior, and their gradients, in forms that stay finite at the corners of the simplex.

The density of the Gumbel-Softmax (or Concrete) distribution, equation (5), of three classes c at temperature tau:

    p(a | a_0, tau) = 2 tau^2 product of [a_0c a_c^(-tau - 1)] / (sum of [a_0c a_c^-tau])^3,

with respect to the area of (a_inh, a_no). Towards a corner, as two of the a become e^-d, it grows as e^((2 - tau) d),
without bound: no maximum a posteriori exists, and the prior's pull to a corner is as strong as one lets d grow. Here
`bounded` keeps d to `DEPTH` = 20 nats, the official code's limit, which is 36 nats of log density at tau = 0.2. All
corners are equally deep, up to a_0, so the limit hardly weighs one class against another.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

DEPTH = 20.0


def softmax(logits: Float[Tensor, "*any 3"]) -> Float[Tensor, "*any 3"]:
    """As torch's, which takes six times as long over a last axis of three."""
    unscaled = (logits - logits.amax(-1, keepdim=True)).exp()
    return unscaled / unscaled.sum(-1, keepdim=True)


def log_softmax(logits: Float[Tensor, "*any 3"]) -> Float[Tensor, "*any 3"]:
    """As torch's, likewise."""
    below = logits - logits.amax(-1, keepdim=True)
    return below - below.exp().sum(-1, keepdim=True).log()


def bounded(logits: Float[Tensor, "*any 3"]) -> Float[Tensor, "*any 3"]:
    """The logits with none more than `DEPTH` below the highest, which is put to 0."""
    return (logits - logits.amax(-1, keepdim=True)).clamp(min=-DEPTH)


def log_concrete(
    log_a: Float[Tensor, "*any 3"], log_prior: Float[Tensor, "*#any 3"], temperature: float
) -> Float[Tensor, "*any"]:
    """log p(a | a_0, tau), equation (5), of log a and log a_0; the latter counts up to a constant."""
    powers = log_prior - temperature * log_a
    return math.log(2) + 2 * math.log(temperature) + (powers - log_a).sum(-1) - 3 * torch.logsumexp(powers, dim=-1)


def log_concrete_gradients(
    log_a: Float[Tensor, "*any 3"], log_prior: Float[Tensor, "*#any 3"], temperature: float
) -> tuple[Float[Tensor, "*any 3"], Float[Tensor, "*any 3"]]:
    """The gradients of `log_concrete` to logits of which a is the softmax, and to log a_0.

    With q = softmax(log a_0 - tau log a) they are 3 (tau q + a) - (tau + 1) and 1 - 3 q.
    """
    q = softmax(log_prior - temperature * log_a)
    return 3 * (temperature * q + log_a.exp()) - (temperature + 1), 1 - 3 * q


def log_gaussian(value: Float[Tensor, "*any"], mean: float, sd: float) -> Float[Tensor, "*any"]:
    """log N(value; mean, sd^2): of ln wt and of b in equation (6)."""
    return -((value - mean) / sd).square() / 2 - math.log(sd) - math.log(2 * math.pi) / 2
