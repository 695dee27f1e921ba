"""What the field calls a LIF neuron, with its numbers: one name stands for several neurons, and two for the same.

BrainCog's fires exactly when the reconstruction's does, half the current against half the threshold; only their
surrogates differ. SpikeGPT's takes half the current against a whole threshold.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from brainlib.astrosnn.kernels.lif import Reset, Surrogate, lif_scan


@dataclass(frozen=True)
class Convention:
    """A leaky integrate-and-fire neuron as someone writes it: m <- m + (I - m) / tau or m <- m (1 - 1 / tau) + I, and
    what a spike does (chapter 1)."""

    tau: float = 2.0  # membrane's time constant, steps; beta = 1 - 1 / tau
    threshold: float = 1.0
    reset: Reset = "hard"
    surrogate: Surrogate = "atan"
    slope: float | None = None  # of the surrogate; None is its own
    decay_input: bool = False  # the current divided by tau
    detach_reset: bool = True  # no gradient through the reset's spike

    def __post_init__(self):
        if not self.tau >= 1:
            raise ValueError(f"tau: got {self.tau}, expected at least 1 step")

    def scan(
        self,
        current: Float[Tensor, "*shape"],
        astro: Float[Tensor, "*shape"] | None = None,
        state: Float[Tensor, "..."] | None = None,
        *,
        time_dim: int = 0,
    ) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "..."]]:
        """Spikes and the last membrane: `lif_scan` by this convention; raises what it raises."""
        return lif_scan(
            current / self.tau if self.decay_input else current, astro, beta=1 - 1 / self.tau, threshold=self.threshold,
            reset=self.reset, surrogate=self.surrogate, slope=self.slope, detach_reset=self.detach_reset, state=state,
            time_dim=time_dim,
        )  # fmt: skip


RECONSTRUCTION = Convention()  # ours: the paper's own could not be read
BRAINCOG = Convention(threshold=0.5, surrogate="qgate", decay_input=True)  # the library of the authors' laboratory
SPIKEGPT = Convention(decay_input=True, detach_reset=False)
