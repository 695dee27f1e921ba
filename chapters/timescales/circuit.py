"""Two leaky neurons in a loop: the smallest network whose memory outlasts its time constants.

The first neuron hears a stream of random bits, the second hears the first and answers it. It is the leaky RNN of this
package with two units, held above zero by its bias, where the leaky ReLU changes nothing. There it is linear,

    h_t = M h_{t-1} + a (w x_t + b),   M = diag(1 - a) + diag(a) W,   a = 1 / tau,

and its memory can be written down: the autocovariance at lag k is M^k C, where C = M C M^T + a w (a w)^T / 4.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from brainlib.timescales.autocorrelation import autocorrelation as measured
from brainlib.timescales.kernels import recurrence
from brainlib.timescales.model import LeakyRNN

INPUT_WEIGHT = torch.tensor([1.0, 0.0], dtype=torch.float64)  # w: only the first neuron hears the bits


@dataclass(frozen=True)
class Circuit:
    """The time constants `tau` of both neurons in bits; the weights `forward`, from the first to the second, and
    `backward`.

    Raises `ValueError` for a time constant below 1, for `forward` of 0, or for a loop that multiplies what travels
    around it by 1 or more.
    """

    tau: tuple[float, float]
    forward: float = 1.0
    backward: float = 0.0

    def __post_init__(self) -> None:
        if not (min(self.tau) >= 1 and self.forward != 0 and abs(self.forward * self.backward) < 1):
            expected = "tau of at least 1 bit, forward not 0, and a product of forward and backward between -1 and 1"
            raise ValueError(f"circuit: got {self}, expected {expected}")

    @property
    def leak(self) -> Float[Tensor, "2"]:
        """a = 1 / tau."""
        return 1 / torch.tensor(self.tau, dtype=torch.float64)

    @property
    def weight(self) -> Float[Tensor, "2 2"]:
        """W, as in the network: row to, column from, no self-connections."""
        return torch.tensor([[0.0, self.backward], [self.forward, 0.0]], dtype=torch.float64)

    @property
    def transition(self) -> Float[Tensor, "2 2"]:
        """M, what one bit's time makes of the state."""
        return torch.diag(1 - self.leak) + self.leak[:, None] * self.weight


@dataclass(frozen=True)
class Simulation:
    """Bits of each stream, and streams side by side."""

    length: int
    trials: int


def time_constant(circuit: Circuit) -> float:
    """Bits in which the circuit's slowest mode falls to 1 / e: -1 / ln of the largest modulus of M's eigenvalues.

    With one tau for both neurons the eigenvalues are 1 - (1 -+ sqrt(gain)) / tau, where the gain is forward times
    backward. 0 if nothing outlasts a bit.
    """
    slowest = float(torch.linalg.eigvals(circuit.transition).abs().max())
    return -1 / math.log(slowest) if slowest > 1e-12 else 0.0


def autocorrelation(circuit: Circuit, lags: int) -> Float[Tensor, "lags_and_0 2"]:
    """Autocorrelation of both neurons at lags 0 to `lags` in bits, while they hear random bits: the closed form."""
    transition, drive = circuit.transition, circuit.leak * INPUT_WEIGHT
    noise = torch.outer(drive, drive) / 4  # a fair bit's variance
    steps = torch.eye(4, dtype=torch.float64) - torch.kron(transition, transition)
    covariance = torch.linalg.solve(steps, noise.flatten()).view(2, 2)
    variance, variances = covariance.diagonal().clone(), []
    for _ in range(lags + 1):
        variances.append(covariance.diagonal())
        covariance = transition @ covariance
    return torch.stack(variances) / variance


def respond(circuit: Circuit, bits: Float[Tensor, "time batch"]) -> Float[Tensor, "time batch 2"]:
    """States of the two neurons as they hear the bits, about the level at which their bias holds them.

    Before the first bit they have heard an endless stream of halves. Computed by the network's own recurrence; the bias
    is such that no bits can take a state below zero, where the leaky ReLU would bend it.
    """
    identity = torch.eye(2, dtype=torch.float64)
    farthest = max(1.0, abs(circuit.forward)) / (1 - abs(circuit.forward * circuit.backward))
    level = torch.full((2,), farthest, dtype=torch.float64)  # bits of half a unit take a state at most half as far
    start = level.expand(bits.shape[1], 2).contiguous()
    bias = (identity - circuit.weight) @ level - INPUT_WEIGHT / 2
    states, _ = recurrence(bits.double(), start, circuit.weight, INPUT_WEIGHT, bias, circuit.leak)
    return states - level


def simulate(circuit: Circuit, simulation: Simulation, generator: torch.Generator) -> Float[Tensor, "time batch 2"]:
    """States of the two neurons as they hear fair random bits, after they have forgotten how they began."""
    burn_in = math.ceil(20 * time_constant(circuit))
    fair = torch.rand(simulation.length + burn_in, simulation.trials, generator=generator, dtype=torch.float64) < 0.5
    return respond(circuit, fair.double())[burn_in:]


CIRCUITS = {
    "τ = 1, gain 0.8": Circuit((1.0, 1.0), backward=0.8),
    "τ = 2, gain 0.6": Circuit((2.0, 2.0), backward=0.6),
    "τ = 2, gain −0.9": Circuit((2.0, 2.0), backward=-0.9),
}
LAGS = 30


def simulation_error(circuit: Circuit, simulation: Simulation, lags: int, generator: torch.Generator) -> float:
    """The largest difference of the simulated autocorrelation from the closed form."""
    found = measured(simulate(circuit, simulation, generator), lags)
    return float((found - autocorrelation(circuit, lags)).abs().max())


@torch.no_grad()
def modes(network: LeakyRNN) -> tuple[Tensor, float]:
    """The eigenvalues of M = diag(1 - a) + diag(a) W, as if no neuron ever crossed zero, and how many bits the slowest
    mode takes to fall to 1 / e."""
    leak = 1 / network.tau
    found = torch.linalg.eigvals(torch.diag(1 - leak) + leak[:, None] * network.weight)
    return found, float(-1 / found.abs().max().log())
