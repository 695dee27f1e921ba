"""What an astrocyte remembers beside the neuron, and what it adds at the neuron's firing decision.

Two kinds, both modules that hold parameters and nothing else:

- `MatrixAstrocyte`: a matrix H for each head, o_t = H_t q_t (overview figure); how H changes is a reconstruction:
  "matrix" decays at a rate of its own for each head, "gated" at one that each token sets, "delta" writes what its
  memory of the key lacks.
- `CalciumAstrocyte`: a number for each neuron, driven by the neuron's own spikes (reconstruction; biologically the
  least that can be called an astrocyte).
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from brainlib.astrosnn.kernels.memory import astrocyte_memory, memory_step
from brainlib.astrosnn.synapses import in_heads, logit_of_time_constant, positive, spread, unit_length, unit_power


class MatrixAstrocyte(nn.Module):
    """A matrix H for each of h heads of size d, from the unit's input x_t (o_t = H_t q_t: figure; the rest is a
    reconstruction),

        q_t = phi(W_q x_t)   k_t = phi(W_k x_t)   v_t = W_v x_t
        H_t = gamma H_{t-1} + v_t k_t^T                                   "matrix" and "gated"
        H_t = gamma H_{t-1} + eta_t (v_t - gamma H_{t-1} k_t) k_t^T       "delta": it erases what it would answer
        o_t = gain (.) RMSNorm(H_t q_t)

    phi brings a head's vector to length 1 ("unit") or is elu + 1 ("elu"). gamma is learnable for each head, at the
    start 1 - 2^-n with n from `fastest` to `slowest`: time constants of 2^n tokens. Where gated, gamma_t = sigmoid of
    a linear map of x_t that starts as the ungated one; eta_t = sigmoid of another, 1/2 at the start.
    H is kept as its transpose, [batch, heads, key, value].
    """

    def __init__(self, config):
        super().__init__()
        dim, heads = config.dim, config.heads
        self.heads, self.normalised = heads, config.normalised
        self.features = {"unit": unit_length, "elu": positive}[config.features]
        self.query, self.key, self.value = (nn.Linear(dim, dim, bias=False) for _ in range(3))
        self.gain = nn.Parameter(torch.ones(dim))
        self.decay = nn.Parameter(logit_of_time_constant(2 ** torch.linspace(config.fastest, config.slowest, heads)))
        self.gate = nn.Parameter(torch.zeros(heads, dim)) if config.astrocyte == "gated" else None
        self.write = nn.Linear(dim, heads) if config.astrocyte == "delta" else None
        if self.write is not None:
            nn.init.zeros_(self.write.bias)

    def project(self, x: Float[Tensor, "*batch dim"]) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor | None]:
        """What a token brings: query, key and value [..., heads, d], the log of gamma ([heads], gated [..., heads])
        and eta ([..., heads]; None but for "delta"), in the precision of the parameters."""
        precision = self.gain.dtype
        query, key, value = (in_heads(of(x).to(precision), self.heads) for of in (self.query, self.key, self.value))
        logit = self.decay if self.gate is None else self.decay + nn.functional.linear(x, self.gate).to(precision)
        write = None if self.write is None else torch.sigmoid(self.write(x).to(precision))
        return self.features(query), self.features(key), value, logsigmoid(logit), write

    def output(self, answer: Float[Tensor, "*batch heads head_dim"]) -> Float[Tensor, "*batch dim"]:
        """o_t from H_t q_t."""
        return self.gain * (unit_power(answer) if self.normalised else answer).flatten(-2)

    def forward(
        self, x: Float[Tensor, "batch *time dim"], memory: Float[Tensor, "batch heads d d"], form: Any = "auto"
    ) -> tuple[Float[Tensor, "batch *time dim"], Float[Tensor, "batch heads d d"]]:
        """o_1 to o_T and H_T; `form` as in `kernels.memory.astrocyte_memory`, or "step" for one token without time."""
        tokens = *self.project(x), memory
        answers, memory = memory_step(*tokens) if form == "step" else astrocyte_memory(*tokens, form=form)
        return self.output(answers), memory

    def gamma(self) -> Float[Tensor, "heads"]:
        """The decays, without gradients (gated: those of an input of zeros)."""
        return torch.sigmoid(self.decay).detach()


class CalciumAstrocyte(nn.Module):
    """One slow variable for each neuron (reconstruction),

        c_t = lambda c_{t-1} + (1 - lambda) s_{t-1}       o_t = w c_t

    with lambda = 1 - 1 / tau and w learnable for each channel, at the start tau log-spaced from 10 to 300 tokens and
    w = 1.
    """

    def __init__(self, config):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(config.dim))
        self.decay = nn.Parameter(logit_of_time_constant(spread(10.0, 300.0, config.dim)))

    def gamma(self) -> Float[Tensor, "dim"]:
        """The decays lambda, with gradients."""
        return torch.sigmoid(self.decay)
