"""The astrocyte-modulated spiking unit (AM-SU): a leaky neuron, fired by its input and by what an astrocyte remembers.

    I_t = sigma(x_t)        s_t = g(u_t + o_t)        o_t = H_t q_t        k_t, v_t -> H_t

are the four relations that the authors print in their overview figure. The rest is a reconstruction:

    I_t = sigma(W_x x_t + b)
    u_t = beta m_{t-1} + I_t                beta = 1 - 1 / tau
    s_t = 1 where u_t + o_t >= theta, else 0
    m_t = u_t (1 - s_t)  hard reset    u_t - theta s_t  soft    u_t  none       (no gradient through this s_t)
    y_t = W_o s_t

with o_t of `astrocytes.py`. x is [batch, time, dim]; a token is a time step.
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import torch
from jaxtyping import Float
from torch import Tensor, nn

from brainlib.arguments import whole_number
from brainlib.astrosnn import reference
from brainlib.astrosnn.astrocytes import CalciumAstrocyte, MatrixAstrocyte
from brainlib.astrosnn.checks import check_input, check_state, one_of, require_positive, require_time_constant
from brainlib.astrosnn.kernels.lif import Reset, lif_scan, slow_scan
from brainlib.astrosnn.kernels.memory import Form

Astrocyte = Literal["none", "calcium", "matrix", "gated", "delta"]


@dataclass(frozen=True)
class AMSUConfig:
    """The switches of a unit; the defaults are what did best in pilots of the reconstruction, not the paper's.

    - `dim`, `heads`: channels, and the heads (matrices H) they are split into.
    - `astrocyte`: none, calcium, or the matrix with fixed, gated or delta-rule writing (`astrocytes.py`).
    - `injection`: o_t enters the firing decision only ("threshold", as printed) or, from a matrix, the membrane
      (I_t + o_t).
    - `reset`: of the membrane after a spike. `threshold` is theta, `tau` the membrane's time constant in tokens.
    - `input`: sigma, the logistic function ("sigmoid", as printed; its meaning is a guess) or nothing ("identity").
    - `normalised`: whether H_t q_t is brought to unit root mean square in each head. `features`: phi.
    - `fastest`, `slowest`: n of the first and last head's decay 1 - 2^-n at the start.

    Raises `ValueError` for sizes, names or numbers that do not fit, and for a delta rule with "elu" features: with keys
    longer than 1 it would correct too far and diverge.

        >>> AMSU(AMSUConfig(dim=64, astrocyte="gated")).state_size(context=1000)
        1088
    """

    dim: int
    heads: int = 4
    astrocyte: Astrocyte = "matrix"
    injection: Literal["threshold", "membrane"] = "threshold"
    reset: Reset = "hard"
    input: Literal["sigmoid", "identity"] = "identity"
    normalised: bool = True
    features: Literal["unit", "elu"] = "unit"
    slowest: float = 11.0
    fastest: float = 3.0
    tau: float = 2.0
    threshold: float = 1.0

    def __post_init__(self):
        for name, hint in get_type_hints(AMSUConfig).items():
            if get_origin(hint) is Literal:
                one_of(name, getattr(self, name), get_args(hint))
        for name in ("dim", "heads"):
            object.__setattr__(self, name, whole_number(name, getattr(self, name), least=1))
        require_positive("threshold", self.threshold)
        require_time_constant("tau", self.tau)
        if self.dim % self.heads:
            raise ValueError(f"dim: got {self.dim}, expected a multiple of heads = {self.heads}")
        if not 0 < self.fastest <= self.slowest <= 24:
            got = f"{self.fastest}, {self.slowest}"
            raise ValueError(f"fastest, slowest: got {got}, expected 0 < fastest <= slowest <= 24")
        if self.astrocyte == "calcium" and self.injection == "membrane":
            raise ValueError("injection: got 'membrane' with astrocyte 'calcium', expected 'threshold'")
        if self.astrocyte == "delta" and self.features == "elu":
            raise ValueError("features: got 'elu' with astrocyte 'delta', expected 'unit': longer keys diverge")


class AMSUState(NamedTuple):
    """All that a unit keeps of its past.

    >>> AMSU(AMSUConfig(dim=16)).initial_state(batch=2).membrane.shape
    torch.Size([2, 16])
    """

    membrane: Float[Tensor, "batch dim"]  # m_T, after the reset
    memory: Float[Tensor, "batch ..."] | None  # H_T [batch, heads, key, value]; calcium: c_{T+1} [batch, dim]


class Trace(NamedTuple):
    """What happens within a unit, [batch, time, dim] each."""

    current: Float[Tensor, "batch *time dim"]  # I
    membrane: Float[Tensor, "batch *time dim"]  # u, before the reset (membrane injection: with o)
    astrocyte: Float[Tensor, "batch *time dim"]  # o; zeros without an astrocyte
    spikes: Float[Tensor, "batch *time dim"]  # s


class AMSU(nn.Module):
    """A layer of `dim` units as in the equations above, for `nn.Sequential` too; `config` holds the switches.

    >>> layer = AMSU(AMSUConfig(dim=16))
    >>> y, state = layer(torch.randn(2, 10, 16), return_state=True)
    >>> y.shape, state.memory.shape
    (torch.Size([2, 10, 16]), torch.Size([2, 4, 4, 4]))
    """

    def __init__(self, config: AMSUConfig):
        super().__init__()
        self.config = config
        self.input = nn.Linear(config.dim, config.dim)
        kinds: dict[str, Any] = {"none": lambda config: None, "calcium": CalciumAstrocyte}
        self.astrocyte: Any = kinds.get(config.astrocyte, MatrixAstrocyte)(config)
        self.output = nn.Linear(config.dim, config.dim, bias=False)

    def forward(
        self,
        x: Float[Tensor, "batch time dim"],
        state: AMSUState | None = None,
        return_state: bool = False,
        *,
        form: Form = "auto",
    ) -> Float[Tensor, "batch time dim"] | tuple[Float[Tensor, "batch time dim"], AMSUState]:
        """y_1 to y_T, and with `return_state` the state after them; `state` is what the tokens before left (None:
        nothing).

        `form` says how a matrix astrocyte is evaluated (`kernels.memory.astrocyte_memory`); the result is the same.
        Raises `ValueError` for another form, and for an input or state of another shape, dtype or device.
        """
        one_of("form", form, get_args(Form))
        config, (membrane, memory) = self.config, self.checked(x, state)
        current, astrocyte = self.current(x), None
        options: dict[str, Any] = {"threshold": config.threshold, "reset": config.reset, "beta": 1 - 1 / config.tau}
        if config.astrocyte == "calcium":
            options |= {"state": (membrane, memory), "weight": self.astrocyte.weight, "decay": self.astrocyte.gamma()}
            spikes, (membrane, memory) = slow_scan(current, **options)
        else:
            if self.astrocyte is not None:
                astrocyte, memory = self.astrocyte(x, memory, form)
                if config.injection == "membrane":
                    current, astrocyte = current + astrocyte, None
            spikes, membrane = lif_scan(current, astrocyte, state=membrane, **options)
        y = self.output(spikes)
        return (y, AMSUState(membrane, memory)) if return_state else y

    def step(
        self, x: Float[Tensor, "batch dim"], state: AMSUState | None = None
    ) -> tuple[Float[Tensor, "batch dim"], AMSUState]:
        """One token: y and the state after it, at a cost that does not depend on how many came before."""
        moment, state = self.observe(x, state)
        return self.output(moment.spikes), state

    def trace(self, x: Float[Tensor, "batch time dim"], state: AMSUState | None = None) -> Trace:
        """What happens within the unit at each token, one after another."""
        moments = []
        for token in x.unbind(1):
            moment, state = self.observe(token, state)
            moments.append(moment)
        return Trace(*(torch.stack(values, 1) for values in zip(*moments, strict=True)))

    def initial_state(self, batch: int) -> AMSUState:
        """The state before the first token: zeros."""
        return check_state(None, AMSUState, self.state_shapes(batch), self.input.weight)

    def state_size(self, context: int) -> int:
        """How many numbers are kept of a sequence after `context` tokens: the same for any."""
        return sum(part.numel() for part in self.initial_state(1) if part is not None)

    def state_shapes(self, batch: int) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
        D, h = self.config.dim, self.config.heads
        memory = {"none": None, "calcium": (batch, D)}.get(self.config.astrocyte, (batch, h, D // h, D // h))
        return (batch, D), memory

    def current(self, x: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
        """I_t, in the precision of the parameters."""
        current = self.input(x).to(self.input.weight.dtype)
        return torch.sigmoid(current) if self.config.input == "sigmoid" else current

    def checked(self, x, state) -> AMSUState:
        """The state to start from; raises `ValueError` for an input or a state that does not fit."""
        check_input(x, self.config.dim, self.input.weight)
        return check_state(state, AMSUState, self.state_shapes(len(x)), self.input.weight)

    def observe(self, x: Float[Tensor, "batch dim"], state: AMSUState | None) -> tuple[Trace, AMSUState]:
        """One token: what happens, and the state after it."""
        config, astrocyte, (membrane, memory) = self.config, self.astrocyte, self.checked(x, state)
        before: Any = (membrane,)
        rates: list[Any] = [1 - 1 / config.tau, config.threshold]
        current = self.current(x)
        if config.astrocyte == "calcium":
            o = astrocyte.weight * memory
            rates, before = [*rates, astrocyte.weight, astrocyte.gamma()], (membrane, memory)
        elif astrocyte is None:
            o = torch.zeros_like(current)
        else:
            o, memory = astrocyte(x, memory, "step")
        drive, told = (current + o, 0) if config.injection == "membrane" else (current, o)
        spikes, u, (membrane, *slow) = reference.neuron(drive, told, rates, before, config.reset)
        return Trace(current, u, o, spikes), AMSUState(membrane, slow[0] if slow else memory)
