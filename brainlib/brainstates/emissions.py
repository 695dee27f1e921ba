"""How many spikes a neuron fires in a bin, given its drive eta: two kinds of emission, three links.

With the link's rate f(eta), every kind is an exponential family,

    log p(x | eta) = x a(eta) - b(eta) + c(x),

    poisson      a = log f              b = f               equation (2)
    bernoulli    a = log(p / (1 - p))   b = -log(1 - p)     p = 1 - exp(-f): at least one of a Poisson's

so its mean is m = b' / a', its score d log p / d eta = x a' - b' and its Fisher information a' m'. A Bernoulli emission
is logistic with a softplus, complementary log-log with exp, and with a sigmoid p = f, logistic again.

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
    """What stands between the drive eta and the spikes of a bin: the table above.

    `link` gives the rate in spikes a bin: softplus, log(1 + e^eta); exp; or sigmoid, as in the official code's demo,
    for fewer than one spike a bin on average. Raises `ValueError` for an unknown kind or link.
    """

    kind: Kind = "poisson"
    link: Link = "softplus"

    def __post_init__(self):
        for name, known in (("kind", Kind), ("link", Link)):
            if getattr(self, name) not in get_args(known):
                raise ValueError(f"{name}: got {getattr(self, name)!r}, expected one of {', '.join(get_args(known))}")

    def mean(self, eta: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The mean count in a bin."""
        f, _ = rate(self.link, eta)
        return -torch.expm1(-f) if self.kind == "bernoulli" and self.link != "sigmoid" else f

    def inverse_link(self, mean: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The drive that has this mean. Raises `ValueError` for means that none has, 0 among them."""
        most = 1 if self.kind == "bernoulli" or self.link == "sigmoid" else float("inf")
        if not ((mean > 0) & (mean < most)).all():
            got = f"{float(mean.min()):g} to {float(mean.max()):g}"
            raise ValueError(f"mean: got {got}, expected above 0 and below {most} for {self.kind} and {self.link}")
        if self.link == "sigmoid":
            return mean.logit()
        f = -torch.log1p(-mean) if self.kind == "bernoulli" else mean
        return f.log() if self.link == "exp" else f + torch.log(-torch.expm1(-f))

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
            if self.link != "exp":
                return eta, softplus(eta)
            within = eta.clamp(min=LEAST)
            f, _ = rate("exp", within)
            return f + torch.log(-torch.expm1(-f)) + (eta - within), f
        f, log_f = rate(self.link, eta)
        return log_f, f

    def slopes(self, eta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """a', b' and m', in eta."""
        if self.kind == "bernoulli":
            if self.link != "exp":
                p = eta.sigmoid()
                return torch.ones_like(eta), p, p * (-eta).sigmoid()
            f, d_f, _ = slopes("exp", eta.clamp(min=LEAST))
            return d_f / -torch.expm1(-f), eta.clamp(max=MOST).exp(), d_f * torch.exp(-f)
        _, d_f, d_log_f = slopes(self.link, eta)
        return d_log_f, d_f, d_f

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


def rate(link: Link, eta: Tensor) -> tuple[Tensor, Tensor]:
    """f and log f."""
    if link == "softplus":
        f = softplus(eta)
        return f, f.clamp(min=math.exp(LEAST)).log() + (eta - LEAST).clamp(max=0)
    if link == "exp":
        within = eta.clamp(max=MOST)
        beyond = eta - within
        return within.exp() * (1 + beyond), within + beyond.log1p()
    return eta.sigmoid(), logsigmoid(eta)


def slopes(link: Link, eta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """f, f' and (log f)'."""
    if link == "softplus":
        f, d_f = softplus(eta), eta.sigmoid()
        return f, d_f, d_f.clamp(min=math.exp(LEAST)) / f.clamp(min=math.exp(LEAST))
    if link == "exp":
        within = eta.clamp(max=MOST)
        d_f, straight = within.exp(), 1 + (eta - within)
        return d_f * straight, d_f, 1 / straight
    return eta.sigmoid(), eta.sigmoid() * (-eta).sigmoid(), (-eta).sigmoid()
