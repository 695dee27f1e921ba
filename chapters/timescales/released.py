"""The networks that the authors released, in five numbers and the epochs that they took, beside any network's.

The official repository holds two trained networks of 500 units with a snapshot at every span from 2 to 11, one for each
curriculum, both from seed 0, and their logs. The numbers here were computed from them; the files themselves are
not part of this project.
"""

from dataclasses import dataclass

import torch

from brainlib.timescales.model import LeakyRNN


@dataclass(frozen=True)
class Summary:
    """Mean, standard deviation and maximum of the time constants in bits, the mean weight between two different units,
    and the spectral radius of the weights."""

    tau_mean: float
    tau_std: float
    tau_max: float
    weight_mean: float
    spectral_radius: float

    @classmethod
    def of(cls, network: LeakyRNN) -> "Summary":
        """Those of a network."""
        tau, weight = network.tau.double(), network.weight.detach().double()
        between = weight.numel() - len(weight)  # the diagonal is zero
        return cls(
            tau_mean=tau.mean().item(),
            tau_std=tau.std().item(),
            tau_max=tau.max().item(),
            weight_mean=weight.sum().item() / between,
            spectral_radius=torch.linalg.eigvals(weight).abs().max().item(),
        )


_FIRST = Summary(1.4871, 0.288, 2.00, -0.00016, 0.59)  # up to span 2 the two curricula are one

SUMMARIES: dict[str, dict[int, Summary]] = {
    "single-head": {
        2: _FIRST,
        5: Summary(1.4725, 0.297, 2.00, -0.00098, 0.94),
        8: Summary(1.4525, 0.305, 2.00, -0.00148, 1.36),
        11: Summary(1.4334, 0.311, 2.023, -0.00215, 1.65),
    },
    "multi-head": {
        2: _FIRST,
        5: Summary(1.4561, 0.303, 2.00, -0.00051, 0.83),
        8: Summary(1.4144, 0.314, 2.00, -0.00092, 0.99),
        11: Summary(1.3890, 0.318, 2.00, -0.00103, 0.96),
    },
}
"""By curriculum and span solved."""

EPOCHS: dict[str, dict[int, int]] = {
    "single-head": {2: 1, 3: 2, 4: 3, 5: 4, 6: 5, 7: 7, 8: 10, 9: 12, 10: 15, 11: 20},
    "multi-head": {2: 1, 3: 2, 4: 3, 5: 4, 6: 6, 7: 7, 8: 8, 9: 9, 10: 10, 11: 11},
}
"""The epoch after which each span was solved, by curriculum."""
