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

from brainlib.timescales.kernels import recurrence


@dataclass(frozen=True)
class Circuit:
    """The time constants `tau` of both neurons in bits; the weights `forth`, from the first to the second, and `back`.

    Raises `ValueError` for a time constant below 1, for `forth` of 0, or for a loop that multiplies what travels around
    it by 1 or more.
    """

    tau: tuple[float, float]
    forth: float = 1.0
    back: float = 0.0

    def __post_init__(self) -> None:
        if not min(self.tau) >= 1:
            raise ValueError(f"tau: got {self.tau}, expected two time constants of at least 1 bit")
        if self.forth == 0:
            raise ValueError("forth: got 0, expected a weight, else the second neuron hears nothing")
        if not abs(self.forth * self.back) < 1:
            raise ValueError(f"forth, back: got {self.forth}, {self.back}, expected a product between -1 and 1")

    @property
    def leak(self) -> Float[Tensor, "2"]:
        """a = 1 / tau."""
        return 1 / torch.tensor(self.tau, dtype=torch.float64)

    @property
    def weight(self) -> Float[Tensor, "2 2"]:
        """W, as in the network: row to, column from, no self-connections."""
        return torch.tensor([[0.0, self.back], [self.forth, 0.0]], dtype=torch.float64)

    @property
    def input_weight(self) -> Float[Tensor, "2"]:
        """w: only the first neuron hears the bits."""
        return torch.tensor([1.0, 0.0], dtype=torch.float64)

    @property
    def transition(self) -> Float[Tensor, "2 2"]:
        """M, what one bit's time makes of the state."""
        return torch.diag(1 - self.leak) + self.leak[:, None] * self.weight


@dataclass(frozen=True)
class Experiment:
    """Bits of each stream, and streams side by side, for the comparison of the simulation with the closed form."""

    length: int
    trials: int


EXPERIMENTS = {"ci": Experiment(4_000, 512), "laptop": Experiment(10_000, 1_000), "paper": Experiment(10_000, 1_000)}


def time_constant(circuit: Circuit) -> float:
    """Bits in which the circuit's slowest mode falls to 1 / e: -1 / ln of the largest modulus of M's eigenvalues.

    With one tau for both neurons the eigenvalues are 1 - (1 -+ sqrt(forth back)) / tau. 0 if nothing outlasts a bit.
    Used in chapters/timescales/01_leaky_neurons.
    """
    slowest = float(torch.linalg.eigvals(circuit.transition).abs().max())
    return -1 / math.log(slowest) if slowest > 1e-12 else 0.0


def autocorrelation(circuit: Circuit, lags: int) -> Float[Tensor, "lags_and_0 2"]:
    """Autocorrelation of both neurons at lags 0 to `lags` in bits, while they hear random bits: the closed form.

    Raises `ValueError` for no lag. Used in chapters/timescales/01_leaky_neurons.
    """
    if lags < 1:
        raise ValueError(f"lags: got {lags}, expected at least 1")
    transition, heard = circuit.transition, circuit.leak * circuit.input_weight
    noise = torch.outer(heard, heard) / 4  # a fair bit's variance
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
    is such that no bits can take a state below zero, where the leaky ReLU would bend it. Used in
    chapters/timescales/01_leaky_neurons.
    """
    identity = torch.eye(2, dtype=torch.float64)
    farthest = max(1.0, abs(circuit.forth)) / (1 - abs(circuit.forth * circuit.back))
    level = torch.full((2,), farthest, dtype=torch.float64)  # bits of half a unit take a state at most half as far
    start = level.expand(bits.shape[1], 2).contiguous()
    bias = (identity - circuit.weight) @ level - circuit.input_weight / 2
    states, _ = recurrence(bits.double(), start, circuit.weight, circuit.input_weight, bias, circuit.leak)
    return states - level


def simulate(circuit: Circuit, experiment: Experiment, generator: torch.Generator) -> Float[Tensor, "time batch 2"]:
    """States of the two neurons as they hear fair random bits, after they have forgotten how they began.

    Raises `ValueError` for less than one bit or stream. Used in chapters/timescales/01_leaky_neurons.
    """
    if experiment.length < 1 or experiment.trials < 1:
        raise ValueError(f"experiment: got {experiment}, expected at least one bit and one stream")
    forgotten = math.ceil(20 * time_constant(circuit))
    heard = torch.rand(experiment.length + forgotten, experiment.trials, generator=generator, dtype=torch.float64) < 0.5
    return respond(circuit, heard.double())[forgotten:]
