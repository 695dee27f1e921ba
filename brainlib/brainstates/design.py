"""What drives every neuron in every bin, laid out as a regression: features beside counts.

Features are the spikes of earlier bins, weighted by a few functions of the lag. Lag 1, the bin before, is a basis's
first row; the bin itself never counts.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64, Integer
from torch import Tensor

from brainlib.arguments import whole_number
from brainlib.data.trials import Trials


class Design(NamedTuple):
    """The regression that a GLM of every neuron is: eta_n = w_n . features, all neurons from the same features.

    - `features`: with N neurons and a basis of F functions, the history of all neurons (column j N + n' is function j
      of source n'), and last a 1, the bias's;
    - `counts`, `lengths`: as in `Trials`; bins beyond a trial's length hold finite numbers that mean nothing.

    >>> data = design(Trials.from_sequences([torch.ones(5, 3).int(), torch.ones(4, 3).int()], bin_ms=10.0))
    >>> data.features.shape, data.pick([1]).mask.tolist()
    (torch.Size([2, 5, 4]), [[True, True, True, True]])
    """

    features: Float[Tensor, "trials time features"]
    counts: Integer[Tensor, "trials time neurons"]
    lengths: Int64[Tensor, "trials"]

    @property
    def mask(self) -> Bool[Tensor, "trials time"]:
        """True within the trials' lengths."""
        return torch.arange(self.counts.shape[1], device=self.lengths.device) < self.lengths[:, None]

    def pick(self, indices: Sequence[int] | Int64[Tensor, " picked"]) -> "Design":
        """The same for some of the trials, in the order of `indices`, cut to the longest of them.

        Raises `ValueError` if there is none or no such trial.
        """
        places, last = torch.as_tensor(indices, dtype=torch.int64, device=self.lengths.device), len(self.lengths) - 1
        if not len(places) or not 0 <= places.min() <= places.max() <= last:
            raise ValueError(f"indices: got {indices}, expected some of 0 to {last}")
        lengths = self.lengths[places]
        longest = int(lengths.max())
        return Design(self.features[places, :longest], self.counts[places, :longest], lengths)

    def to(self, device: str | torch.device) -> "Design":
        """The same on another device."""
        return Design(*(tensor.to(device) for tensor in self))


def exponential_basis(lags: int = 5, decay: float = 1.0) -> Float[Tensor, "lags 1"]:
    """The official code's one function, phi_k = exp(-decay k) / sum over k of the same, for lags k of 1 to `lags` bins.

    Raises `ValueError` for no lag and a decay (a bin) that is not finite.

    >>> exponential_basis(lags=2).tolist()
    [[0.7310585975646973], [0.2689414322376251]]
    """
    whole_number("lags", lags, least=1)
    if not math.isfinite(decay):
        raise ValueError(f"decay: got {decay}, expected a finite number")
    return torch.softmax(-decay * torch.arange(1, lags + 1, dtype=torch.float64), dim=0)[:, None].float()


def design(
    trials: Trials,
    basis: Float[Tensor, "lags functions"] | None = None,
    *,
    coupling: bool = True,
    dtype: torch.dtype = torch.float32,
) -> Design:
    """The features of equation (1): each neuron's past through `basis` (None: `exponential_basis()`), and a bias:

        features[:, t, j N + n'] = sum over k of basis[k - 1, j] x[t - k, n'],   x = 0 before the first bin.

    `coupling` False leaves the history out: a plain Poisson or Bernoulli HMM. Memory: trials x time x features numbers,
    804 MB for 200 neurons and 1,000,000 bins in float32. Raises `ValueError` for a basis without a lag or not finite,
    and a dtype other than float32 and float64.

    >>> counts = torch.tensor([[1, 0], [0, 0], [0, 2]])  # (time, neurons)
    >>> design(Trials.from_sequences([counts], bin_ms=10.0), torch.tensor([[0.8], [0.2]])).features[0]
    tensor([[0.0000, 0.0000, 1.0000],
            [0.8000, 0.0000, 1.0000],
            [0.2000, 0.0000, 1.0000]])
    """
    counts, lengths = trials.counts, trials.lengths
    basis = exponential_basis() if basis is None else basis
    if basis.ndim != 2 or not basis.numel() or not basis.isfinite().all():
        raise ValueError(f"basis: got shape {tuple(basis.shape)}, expected finite numbers of shape (lags, functions)")
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(f"dtype: got {dtype}, expected torch.float32 or torch.float64")
    rows = basis.double().tolist() if coupling else []
    (B, T, N), history = counts.shape, basis.shape[1] if coupling else 0
    features = torch.zeros(B, T, N * history + 1, dtype=dtype, device=counts.device)
    for k, row in enumerate(rows, 1):
        past = counts[:, :-k].to(dtype)
        for j, value in enumerate(row):
            features[:, k:, j * N : (j + 1) * N].add_(past, alpha=value)
    features[..., -1] = 1
    return Design(features, counts, lengths)
