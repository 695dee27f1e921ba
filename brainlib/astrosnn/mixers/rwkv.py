"""RWKV-4's time mix: a recurrent network that is trained like a transformer."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from brainlib.astrosnn.kernels.wkv import WKVState, wkv


class RWKV(nn.Module):
    """An average of past values with weights that keys set and time lets fall (arXiv 2305.13048, section 3.1),

        y_t = W_o (sigma(W_r x_t) * wkv_t)

    with wkv_t of `kernels.wkv`. Each channel has its own decay w > 0, at the start from e^-5 to e^3 e-folds a token,
    and its own bonus u of the present token. The token shift is the frame's: one mix for key, value and receptance.

    Used in the chapters on memory and on language.
    """

    def __init__(self, dim: int):
        super().__init__()
        self.dim = dim
        self.key, self.value, self.receptance, self.output = (nn.Linear(dim, dim, bias=False) for _ in range(4))
        place = torch.linspace(0, 1, dim)
        self.log_decay_rate = nn.Parameter(-5 + 8 * place)  # log w
        self.bonus = nn.Parameter(torch.full((dim,), 0.3).log())  # u

    def forward(
        self, x: Float[Tensor, "batch time dim"], state: WKVState | None = None
    ) -> tuple[Float[Tensor, "batch time dim"], WKVState]:
        """All tokens, and the state after them. Raises `ValueError` for a state that does not fit."""
        key, value = (part(x).to(self.bonus.dtype) for part in (self.key, self.value))
        y, state = wkv(key, value, self.log_decay_rate.exp(), self.bonus, state)
        return self.output(self.receptance(x).sigmoid() * y), state

    def step(
        self, x: Float[Tensor, "batch dim"], state: WKVState | None
    ) -> tuple[Float[Tensor, "batch dim"], WKVState]:
        """One token."""
        y, state = self(x[:, None], state)
        return y[:, 0], state

    def state_size(self, context: int) -> int:
        """2 dim, whatever the context."""
        return 2 * self.dim
