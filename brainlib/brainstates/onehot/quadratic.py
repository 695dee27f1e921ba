"""Fisher's quadratic of Q: what the spikes say of the weights, about the weights in hand.

    Q(w) - Q(w') = g . (w - w') - (w - w') . H (w - w') / 2,   g the gradient of Q at w', H the Fisher information

for each state and neuron by itself. An M-step that moves the weights little can be taken on it alone, at a cost that
does not grow with the recording; the next one has a new quadratic.
"""

from typing import NamedTuple

from jaxtyping import Float64
from torch import Tensor

from brainlib.brainstates.fitting.sums import Weighted, gradient, information


class Quadratic(NamedTuple):
    """`centre` is w', `slope` g and `information` H."""

    centre: Float64[Tensor, "states neurons features"]
    slope: Float64[Tensor, "states neurons features"]
    information: Float64[Tensor, "states neurons features features"]

    @classmethod
    def about(cls, weights: Float64[Tensor, "states neurons features"], data: Weighted) -> "Quadratic":
        """The quadratic of these data, which are of one run."""
        rounded = weights[None].to(data.features)
        return cls(rounded[0].double(), gradient(rounded, data)[0], information(rounded, data)[0])

    @property
    def precision(self) -> Float64[Tensor, "states neurons features"]:
        """Of each weight given the others: H's diagonal."""
        return self.information.diagonal(dim1=-2, dim2=-1)

    def slope_at(self, weights: Float64[Tensor, "states neurons features"]) -> Float64[Tensor, "..."]:
        """The quadratic's gradient at other weights."""
        return self.slope - (self.information @ (weights - self.centre)[..., None])[..., 0]

    def gain(self, weights: Float64[Tensor, "states neurons features"]) -> Float64[Tensor, "states neurons"]:
        """Q(weights) - Q(centre), as the quadratic has it."""
        return ((self.slope + self.slope_at(weights)) * (weights - self.centre)).sum(-1) / 2
