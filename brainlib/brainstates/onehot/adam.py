"""Adam, for gradients in closed form: uphill, in place, several tensors at once."""

import torch
from torch import Tensor

BETAS, EPSILON = (0.9, 0.999), 1e-8


class Adam:
    """Kingma and Ba's optimiser with its usual constants, as torch has it."""

    def __init__(self, learning_rate: float) -> None:
        self.learning_rate, self.steps = learning_rate, 0
        self.moments: dict[str, tuple[Tensor, Tensor]] = {}

    def ascend(self, values: dict[str, Tensor], gradients: dict[str, Tensor]) -> None:
        """A step up each of the gradients, of the values of the same names."""
        self.steps += 1
        fade, fade_square = (1 - beta**self.steps for beta in BETAS)
        for name, gradient in gradients.items():
            if name not in self.moments:
                self.moments[name] = torch.zeros_like(gradient), torch.zeros_like(gradient)
            mean, square = self.moments[name]
            mean.lerp_(gradient, 1 - BETAS[0])
            square.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
            size = square.sqrt().mul_(fade_square**-0.5).add_(EPSILON)
            values[name].addcdiv_(mean, size, value=self.learning_rate / fade)
