"""The leaky recurrent network with a time constant of each unit's own (official code).

One layer, read bit by bit, no noise, no unit acting on itself. With the leak a = 1 / tau of each unit (tau in bits, at
least 1) and the current u_t = W h_{t-1} + b + w x_t,

    inside      h_t = phi((1 - a) h_{t-1} + a u_t)          the paper's default
    outside     h_t = (1 - a) h_{t-1} + a phi(u_t)

and head i reads F_i h_T + c_i after the last bit.
"""

import math
from collections.abc import Mapping
from typing import get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from brainlib.timescales import official, time_constants
from brainlib.timescales.kernels import Activation, Implementation, recurrence
from brainlib.timescales.network import Network, uniform
from brainlib.timescales.time_constants import TauForm


class LeakyRNN(Network):
    """A leaky recurrent network under linear heads; the defaults are the paper's.

    - `inside`, `activation`: the form of the equation, and phi: "leaky_relu" (slope 0.01), "relu" or "tanh".
    - `tau`: None draws each unit's time constant from 1 + U(0, 1) bits and trains it, in the form `tau_form`
      (`time_constants.py`); a number of at least 1, or one for each unit, fixes them.
    - `generator` draws the weights (None: torch's own) as torch does for linear layers: W, its bias and the heads from
      U(-1, 1) / sqrt(units), the input's weights and bias from U(-1, 1).
    - `impl`: who computes the recurrence (`kernels.recurrence`).

    `weight[i, j]` leads from unit j to unit i; its diagonal is 0 and not trained. (The official code zeroes it too, but
    counts its gradient in the norm to which gradients are clipped.) `recurrent_bias` and `input_bias` act only as a
    sum; both are trained, as in the official code, which doubles their speed. `raw_tau` is what is trained of tau.

    Raises `ValueError` for sizes that are not positive, a fixed tau below 1, an unknown activation or form of tau.

    One step of training on the parity of the last 2 and the last 3 bits, a head each:

    >>> import torch
    >>> from brainlib.timescales import LeakyRNN, tasks
    >>> generator = torch.Generator().manual_seed(0)
    >>> network = LeakyRNN(units=32, heads=2, generator=generator)
    >>> bits, answers = tasks.draw("parity", spans=(2, 3), batch=16, generator=generator, length=10)
    >>> logits = network(bits, network.initial_state(16, generator))  # after the last bit
    >>> logits.shape  # heads, batch, odd or even
    torch.Size([2, 16, 2])
    >>> torch.nn.functional.cross_entropy(logits.flatten(0, 1), answers.flatten()).backward()
    >>> network.raw_tau.grad.shape
    torch.Size([32])
    >>> network.states(bits).shape  # after every bit
    torch.Size([10, 16, 32])
    """

    raw_tau: Float[Tensor, "units"]
    diagonal: Bool[Tensor, "units units"]

    def __init__(
        self,
        units: int = 500,
        heads: int = 100,
        *,
        inside: bool = True,
        activation: Activation = "leaky_relu",
        tau: float | Float[Tensor, "units"] | None = None,
        tau_form: TauForm = "clamp",
        generator: torch.Generator | None = None,
        impl: Implementation = "auto",
    ):
        for name, got, known in (("activation", activation, Activation), ("tau_form", tau_form, TauForm)):
            if got not in get_args(known):
                raise ValueError(f"{name}: got {got!r}, expected one of {', '.join(get_args(known))}")
        super().__init__(units, heads, generator)
        self.inside, self.activation, self.tau_form, self.impl = inside, activation, tau_form, impl
        self.weight = uniform(1 / math.sqrt(units), (units, units), generator)
        self.recurrent_bias = uniform(1 / math.sqrt(units), (units,), generator)
        self.input_weight = uniform(1.0, (units,), generator)
        self.input_bias = uniform(1.0, (units,), generator)
        self.register_buffer("diagonal", torch.eye(units, dtype=torch.bool), persistent=False)
        with torch.no_grad():
            self.weight.fill_diagonal_(0)
        if tau is None:
            drawn = 1 + torch.rand(units, generator=generator)
            self.raw_tau = nn.Parameter(time_constants.raw_of(drawn, tau_form))
        else:
            fixed = torch.as_tensor(tau, dtype=torch.get_default_dtype(), device="cpu").expand(units).clone()
            self.register_buffer("raw_tau", time_constants.raw_of(fixed, tau_form))

    @property
    def tau(self) -> Float[Tensor, "units"]:
        """The time constants that count, in bits, without gradients: at least 1."""
        return time_constants.tau_of(self.raw_tau, self.tau_form).detach()

    @torch.no_grad()
    def set_tau_(self, tau: Float[Tensor, "units"]) -> None:
        """Gives every unit another time constant, in bits. Raises `ValueError` for one that is too short."""
        self.raw_tau.copy_(time_constants.raw_of(tau, self.tau_form))

    def run(
        self, bits: Float[Tensor, "time batch 1"], h0: Float[Tensor, "batch units"] | None = None
    ) -> tuple[Float[Tensor, "time batch units"], Float[Tensor, "batch units"]]:
        """The state after every bit, and the last once more."""
        h0 = self.start(bits, h0)
        return recurrence(
            bits.squeeze(-1).to(h0.dtype),
            h0,
            self.weight.masked_fill(self.diagonal, 0),
            self.input_weight,
            self.recurrent_bias + self.input_bias,
            1 / time_constants.tau_of(self.raw_tau, self.tau_form),
            inside=self.inside,
            activation=self.activation,
            impl=self.impl,
        )

    def initial_state(self, batch: int, generator: torch.Generator | None = None) -> Float[Tensor, "batch units"]:
        """0.1 U(0, 1) for every sequence and unit, as the official code draws them in training and in tests.

        They are drawn where the generator is (None: torch's own, on the CPU) and then moved to the network.
        """
        device = "cpu" if generator is None else generator.device
        drawn = torch.empty(batch, self.units, device=device).uniform_(0, 0.1, generator=generator)
        return drawn.to(self.weight)

    @torch.no_grad()
    def project_(self) -> None:
        """Puts "projected" time constants that fell below 1 back to it; nothing happens in the other forms."""
        if self.tau_form == "projected":
            self.raw_tau.clamp_(min=1)

    @classmethod
    def from_official(
        cls, weights: Mapping[str, Tensor], *, inside: bool = True, activation: Activation = "leaky_relu"
    ) -> "LeakyRNN":
        """The network with the weights of the official code: a `state_dict()` of one of its models, none of which tells
        the form of the equation (`RNN_Stack` has the leak inside, `RNN_Mod` and `RNN_Continuous` outside).

        A single time constant is taken as fixed. Raises `ValueError` for missing, unknown or misshapen weights.

        >>> import torch
        >>> weights = {"parameterlist.0": torch.ones(4), "modulelist.0.weight": torch.ones(4, 1)}
        >>> weights |= {"modulelist.0.bias": torch.zeros(4), "modulelist.1.weight": torch.zeros(4, 4)}
        >>> weights |= {"modulelist.1.bias": torch.zeros(4), "modulelist.2.weight": torch.ones(2, 4)}
        >>> network = LeakyRNN.from_official(weights | {"modulelist.2.bias": torch.zeros(2)})
        >>> network.units, network.heads
        (4, 1)
        """
        ours, tau = official.from_official(weights)
        heads, _, units = ours["readout_weight"].shape
        network = cls(units, heads, inside=inside, activation=activation, tau=tau, generator=torch.Generator())
        network.to(ours["weight"].dtype).load_state_dict(ours)
        return network
