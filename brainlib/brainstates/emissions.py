"""How many spikes a neuron fires in a bin, given its drive eta: two kinds of emission, three links.

Each is an exponential family; f(eta) is the link's rate and p = 1 / (1 + exp(-eta)):

    log p(x | eta) = x a(eta) - b(eta) + c(x),

    poisson      a = log f   b = f              equation (2)
    bernoulli    a = eta     b = -log(1 - p)    at least one spike of a Poisson's with the softplus: logistic

so its mean is m = b' / a', its score d log p / d eta = x a' - b' and its Fisher information a' m'.

All stay finite in float32 up to drives of +-1000 and counts of 10^9: exp goes on as a straight line above e^30 spikes a
bin, and f may underflow where log f does not.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid

Kind = Literal["poisson", "bernoulli"]
Link = Literal["softplus", "exp", "sigmoid"]
LEAST = -36.0  # below, softplus(eta) = exp(eta) in float64 too
MOST = 30.0  # above, the exponential is a straight line


@dataclass(frozen=True)
class Emission:
    """What stands between the drive eta and the spikes of a bin: "poisson" counts or "bernoulli", 0 or 1.

    `link` gives a Poisson's rate in spikes a bin: "softplus", log(1 + e^eta); "exp"; or "sigmoid", as in the official
    code's demo, for fewer than one spike a bin on average. A Bernoulli emission is logistic with the softplus and with
    the sigmoid. Raises `ValueError` for an unknown kind or link, and for "bernoulli" with "exp".

    >>> Emission("poisson", "exp").mean(torch.tensor([0.0, 1.0]))
    tensor([1.0000, 2.7183])
    """

    kind: Kind = "poisson"
    link: Link = "softplus"

    def __post_init__(self):
        for name, known in (("kind", Kind), ("link", Link)):
            if getattr(self, name) not in get_args(known):
                raise ValueError(f"{name}: got {getattr(self, name)!r}, expected one of {', '.join(get_args(known))}")
        if (self.kind, self.link) == ("bernoulli", "exp"):
            raise ValueError("link: got 'exp', expected 'softplus' for a Bernoulli emission, which is logistic")

    def mean(self, eta: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The mean count in a bin."""
        return eta.sigmoid() if self.kind == "bernoulli" else self.potentials(eta)[1]

    def inverse_link(self, mean: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The drive that has this mean. Raises `ValueError` for means that none has, 0 among them."""
        bounded = self.kind == "bernoulli" or self.link == "sigmoid"
        most = 1 if bounded else float("inf")
        if not ((mean > 0) & (mean < most)).all():
            got = f"{float(mean.min()):g} to {float(mean.max()):g}"
            raise ValueError(f"mean: got {got}, expected above 0 and below {most} for {self.kind} and {self.link}")
        if bounded:
            return mean.logit()
        return mean.log() if self.link == "exp" else mean + torch.log(-torch.expm1(-mean))

    def log_prob(self, eta: Float[Tensor, "..."], counts: Tensor) -> Float[Tensor, "..."]:
        """log p(x | eta) of counts x that broadcast against eta."""
        a, b = self.potentials(eta)
        return counts * a - b + self.base(counts).to(eta.dtype)

    def score_and_information(
        self, eta: Float[Tensor, "..."], counts: Tensor
    ) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
        """d log p(x | eta) / d eta for counts x that broadcast against eta, and its variance over x given eta, which is
        the Fisher information.
        """
        d_a, d_b, d_mean = self.slopes(eta)
        return counts * d_a - d_b, d_a * d_mean

    def potentials(self, eta: Tensor) -> tuple[Tensor, Tensor]:
        """a and b."""
        if self.kind == "bernoulli":
            return eta, softplus(eta)
        if self.link == "softplus":
            f = softplus(eta)
            return f.clamp(min=math.exp(LEAST)).log() + (eta - LEAST).clamp(max=0), f
        if self.link == "exp":
            within = eta.clamp(max=MOST)
            beyond = eta - within
            return within + beyond.log1p(), within.exp() * (1 + beyond)
        return logsigmoid(eta), eta.sigmoid()

    def slopes(self, eta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """a', b' and m', in eta."""
        if self.link == "exp":
            within = eta.clamp(max=MOST)
            d_f = within.exp()
            return 1 / (1 + (eta - within)), d_f, d_f
        p = eta.sigmoid()
        if self.kind == "poisson" and self.link == "softplus":
            return p.clamp(min=math.exp(LEAST)) / softplus(eta).clamp(min=math.exp(LEAST)), p, p
        q = (-eta).sigmoid()
        return (torch.ones_like(eta), p, p * q) if self.kind == "bernoulli" else (q, p * q, p * q)

    def base(self, counts: Tensor) -> Float[Tensor, "..."]:
        """c(x), in float64."""
        if self.kind == "bernoulli":
            return counts.new_zeros((), dtype=torch.float64).expand(counts.shape)
        if counts.dtype == torch.uint8:
            return self.base(torch.arange(256.0, device=counts.device))[counts.int()]
        return -torch.lgamma(counts.double() + 1)


def require_counts(emission: Emission, counts: Tensor) -> None:
    """Raises `ValueError` for counts that the emission cannot give."""
    if counts.is_floating_point() or counts.dtype == torch.bool:
        raise ValueError(f"counts: got {counts.dtype}, expected integers")
    low, high = (int(bound) for bound in counts.aminmax())
    if low < 0 or (emission.kind == "bernoulli" and high > 1):
        expected = "0 or 1 for a Bernoulli emission" if emission.kind == "bernoulli" else "0 or more"
        raise ValueError(f"counts: got {low} to {high}, expected {expected}")


def softplus(eta: Tensor) -> Tensor:
    return torch.logaddexp(eta, eta.new_zeros(()))
