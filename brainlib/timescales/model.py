"""The leaky recurrent network with a time constant of each unit's own (official code).

One layer, read bit by bit, no noise, no unit acting on itself. With the leak a = 1 / tau of each unit (tau in bits, at
least 1) and the current u_t = W h_{t-1} + b + w x_t,

    inside      h_t = phi((1 - a) h_{t-1} + a u_t)          the paper's default
    outside     h_t = (1 - a) h_{t-1} + a phi(u_t)

and head i reads F_i h_T + c_i after the last bit. Used in all chapters on timescales.
"""

import math
from collections.abc import Mapping
from typing import get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from brainlib.arguments import whole_number
from brainlib.timescales import time_constants
from brainlib.timescales.kernels import Activation, recurrence
from brainlib.timescales.network import Network, uniform
from brainlib.timescales.official import from_official, to_official
from brainlib.timescales.time_constants import TauForm


class LeakyRNN(Network):
    """A leaky recurrent network under linear heads; the defaults are the paper's.

    - `inside`, `activation`: the form of the equation, and phi: "leaky_relu" (slope 0.01), "relu", "tanh", "sigmoid".
    - `tau`: None draws each unit's time constant from 1 + U(0, 1) bits and trains it, in the form `tau_form`
      (`time_constants.py`); a number of at least 1, or one for each unit, fixes them.
    - `steps_per_bit` k: each bit is shown for k steps of 1 / k bit (the continuous variant). It may be set anew between
      two calls; time constants are in bits and stay. With k > 1 a trained one may become as short as a step.
    - `generator` draws the weights (None: torch's own) as torch does for linear layers: W, its bias and the heads from
      U(-1, 1) / sqrt(units), the input's weights and bias from U(-1, 1).
    - `impl`: who computes the recurrence (`kernels.recurrence`).

    `weight[i, j]` leads from unit j to unit i; its diagonal is 0 and not trained. (The official code zeroes it too, but
    counts its gradient in the norm to which gradients are clipped.) `recurrent_bias` and `input_bias` act only as a
    sum; both are trained, as in the official code, which doubles their speed. `raw_tau` is what is trained of tau.

    Raises `ValueError` for sizes that are not positive, a fixed tau below 1, an unknown activation or form of tau.
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
        steps_per_bit: int = 1,
        generator: torch.Generator | None = None,
        impl: str = "auto",
    ):
        require_known("activation", activation, get_args(Activation))
        require_known("tau_form", tau_form, get_args(TauForm))
        whole_number("steps_per_bit", steps_per_bit, least=1)
        super().__init__(units, heads, generator)
        self.inside, self.activation, self.tau_form, self.impl = inside, activation, tau_form, impl
        self.steps_per_bit = steps_per_bit
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
        """The time constants that count, in bits, without gradients: at least one step, 1 / steps_per_bit."""
        return (time_constants.in_steps(self.raw_tau, self.tau_form, self.steps_per_bit) / self.steps_per_bit).detach()

    @torch.no_grad()
    def set_tau_(self, tau: Float[Tensor, "units"]) -> None:
        """Gives every unit another time constant, in bits. Raises `ValueError` for one that is too short."""
        self.raw_tau.copy_(time_constants.raw_of(tau, self.tau_form, self.steps_per_bit))

    def run(
        self, bits: Float[Tensor, "time batch 1"], h0: Float[Tensor, "batch units"] | None = None
    ) -> tuple[Float[Tensor, "time batch units"], Float[Tensor, "batch units"]]:
        """The state after every bit (after its last step), and the last once more."""
        h0, k = self.start(bits, h0), self.steps_per_bit
        whole_number("steps_per_bit", k, least=1)
        inputs = bits.squeeze(-1).to(h0.dtype)
        states, last = recurrence(
            inputs if k == 1 else inputs.repeat_interleave(k, dim=0),
            h0,
            self.weight.masked_fill(self.diagonal, 0),
            self.input_weight,
            self.recurrent_bias + self.input_bias,
            1 / time_constants.in_steps(self.raw_tau, self.tau_form, k),
            inside=self.inside,
            activation=self.activation,
            impl=self.impl,
        )
        return states if k == 1 else states[k - 1 :: k], last

    def initial_state(self, batch: int, generator: torch.Generator) -> Float[Tensor, "batch units"]:
        """0.1 U(0, 1) for every sequence and unit, as the official code draws them in training and in tests.

        They are drawn where the generator is and then moved to the network.
        """
        drawn = torch.empty(batch, self.units, device=generator.device).uniform_(0, 0.1, generator=generator)
        return drawn.to(self.weight)

    @torch.no_grad()
    def project_(self) -> None:
        """Puts "projected" time constants that fell below a step back to it; nothing happens in the other forms."""
        if self.tau_form == "projected":
            self.raw_tau.clamp_(min=1 / self.steps_per_bit)

    @classmethod
    def from_official(
        cls, weights: Mapping[str, Tensor], *, inside: bool = True, activation: Activation = "leaky_relu"
    ) -> "LeakyRNN":
        """The network with the weights of the official code: a `state_dict()` of one of its models, none of which tells
        the form of the equation (`RNN_Stack` has the leak inside, `RNN_Mod` and `RNN_Continuous` outside).

        A single time constant is taken as fixed. Raises `ValueError` for missing, unknown or misshapen weights.
        """
        ours, fixed = from_official(weights)
        heads, _, units = ours["readout_weight"].shape
        tau = ours["raw_tau"] if fixed else None
        network = cls(units, heads, inside=inside, activation=activation, tau=tau, generator=torch.Generator())
        network.to(ours["weight"].dtype).load_state_dict(ours)
        return network

    def to_official(self) -> dict[str, Tensor]:
        """The weights under the names and shapes of the official code; one fixed time constant has shape (1,)."""
        tau = self.raw_tau.detach() if self.tau_form == "clamp" else self.tau
        fixed = not isinstance(self.raw_tau, nn.Parameter) and bool((tau == tau[0]).all())
        return to_official(self.state_dict() | {"raw_tau": tau[:1] if fixed else tau})


def require_known(name: str, got: str, known: tuple[str, ...]) -> None:
    if got not in known:
        raise ValueError(f"{name}: got {got!r}, expected one of {', '.join(known)}")
