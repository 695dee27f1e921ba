"""The gated recurrent unit: the field's usual memory of one vector."""

from jaxtyping import Float
from torch import Tensor, nn

from brainlib.astrosnn.mixers.state import require_state


class GRU(nn.Module):
    """A GRU of `dim` units (Cho et al. 2014); its hidden state is its output.

        r, z = sigma(W x_t + U h_{t-1} + b)    n = tanh(W_n x_t + b_n + r (U_n h_{t-1} + c))
        h_t = (1 - z) n + z h_{t-1}

    Used in the chapters on memory and on language.
    """

    def __init__(self, dim: int):
        super().__init__()
        self.dim = dim
        self.gru = nn.GRU(dim, dim, batch_first=True)

    def forward(
        self, x: Float[Tensor, "batch time dim"], state: Float[Tensor, "batch dim"] | None = None
    ) -> tuple[Float[Tensor, "batch time dim"], Float[Tensor, "batch dim"]]:
        """h_1 to h_T, and h_T to go on from. Raises `ValueError` for a state that does not fit."""
        if state is not None:
            require_state("hidden state", state, (len(x), self.dim), x)
            state = state[None]
        y, last = self.gru(x, state)
        return y.to(x.dtype), last[0].to(x.dtype)

    def step(
        self, x: Float[Tensor, "batch dim"], state: Float[Tensor, "batch dim"] | None
    ) -> tuple[Float[Tensor, "batch dim"], Float[Tensor, "batch dim"]]:
        """One token."""
        y, state = self(x[:, None], state)
        return y[:, 0], state

    def state_size(self, context: int) -> int:
        """dim, whatever the context."""
        return self.dim
