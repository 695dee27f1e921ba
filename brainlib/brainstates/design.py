"""What drives every neuron in every bin, laid out as a regression: features beside counts."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64, Integer
from torch import Tensor

from brainlib.brainstates.history import add_history, exponential_basis
from brainlib.data.trials import Trials


class Design(NamedTuple):
    """The regression that a GLM of every neuron is: eta_n = w_n . features, all neurons from the same features.

    - `features`: with N neurons and a basis of F functions, first the history of all neurons (column j N + n' is
      function j of source n'), then the refractory history (the same layout), then stimuli, and last a 1, the bias's;
    - `counts`, `lengths`: as in `Trials`; bins beyond a trial's length hold finite numbers that mean nothing;
    - `allowed`: the weights that may differ from 0. A neuron's refractory history drives itself alone.
    """

    features: Float[Tensor, "trials time features"]
    counts: Integer[Tensor, "trials time neurons"]
    lengths: Int64[Tensor, "trials"]
    allowed: Bool[Tensor, "neurons features"]

    @property
    def mask(self) -> Bool[Tensor, "trials time"]:
        """True within the trials' lengths."""
        return torch.arange(self.counts.shape[1], device=self.lengths.device) < self.lengths[:, None]

    def pick(self, indices: Sequence[int] | Int64[Tensor, " picked"]) -> "Design":
        """The same for some of the trials, in the order of `indices`, cut to the longest of them.

        Raises `ValueError` if there is none or no such trial.
        """
        places = torch.as_tensor(indices, device=self.lengths.device)
        B = len(self.lengths)
        whole = not (places.is_floating_point() or places.dtype == torch.bool)
        if not whole or not places.numel() or not ((places >= 0) & (places < B)).all():
            raise ValueError(f"indices: got {indices}, expected some of 0 to {B - 1}")
        places = places.long()
        lengths = self.lengths[places]
        longest = int(lengths.max())
        return Design(self.features[places, :longest], self.counts[places, :longest], lengths, self.allowed)

    def to(self, device: str | torch.device) -> "Design":
        """The same on another device."""
        return Design(*(tensor.to(device) for tensor in self))


def design(
    trials: Trials,
    basis: Float[Tensor, "lags functions"] | None = None,
    *,
    coupling: bool = True,
    self_coupling: bool = True,
    refractory: Float[Tensor, "own_lags own_functions"] | None = None,
    stimuli: Float[Tensor, "trials time covariates"] | None = None,
    dtype: torch.dtype = torch.float32,
) -> Design:
    """The features of equation (1): each neuron's past through `basis` (None: `exponential_basis()`), and a bias.

    - `coupling` False leaves the neurons' history out: a plain Poisson or Bernoulli HMM, up to stimuli and refractory.
    - `self_coupling` False forbids a neuron to hear itself in the history of all neurons.
    - `refractory`: a basis through which a neuron hears its own past, beside `basis`.
    - `stimuli`: covariates of each bin that all neurons may follow; what they hold beyond a trial's length is dropped.

    Memory: trials x time x features numbers, 804 MB for 200 neurons and 1,000,000 bins in float32. Used in all chapters
    on brain states. Raises `ValueError` for bases without a lag, bases or stimuli that are not finite, stimuli that do
    not fit the trials, and a dtype other than float32 and float64.
    """
    counts, lengths = trials.counts, trials.lengths
    B, T, N = counts.shape
    basis = exponential_basis() if basis is None else basis
    for name, functions in (("basis", basis), ("refractory", refractory)):
        if functions is not None and (functions.ndim != 2 or not functions.numel() or not functions.isfinite().all()):
            got = f"shape {tuple(functions.shape)}"
            raise ValueError(f"{name}: got {got}, expected finite numbers of shape (lags, functions), at least one")
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(f"dtype: got {dtype}, expected torch.float32 or torch.float64")
    if stimuli is not None:
        require_stimuli(stimuli, trials.mask)

    everyone = torch.ones(N, N, dtype=torch.bool, device=counts.device)
    own = torch.eye(N, dtype=torch.bool, device=counts.device)
    blocks = []  # of allowed
    if coupling:
        blocks.append((everyone if self_coupling else ~own).repeat(1, basis.shape[1]))
    if refractory is not None:
        blocks.append(own.repeat(1, refractory.shape[1]))
    history = sum(block.shape[1] for block in blocks)
    covariates = 0 if stimuli is None else stimuli.shape[2]
    blocks.append(everyone[:, :1].expand(N, covariates + 1))

    features = torch.zeros(B, T, history + covariates + 1, dtype=dtype, device=counts.device)
    if coupling:
        add_history(features, counts, basis)
    if refractory is not None:
        add_history(features[..., history - N * refractory.shape[1] :], counts, refractory)
    if stimuli is not None:
        features[..., history:-1] = torch.where(trials.mask[..., None], stimuli.to(features), 0)
    features[..., -1] = 1
    return Design(features, counts, lengths, torch.cat(blocks, dim=1))


def require_stimuli(stimuli: Tensor, mask: Bool[Tensor, "trials time"]) -> None:
    """Raises `ValueError` for covariates that do not fit the trials, or are not finite within them."""
    B, T = mask.shape
    if stimuli.ndim != 3 or stimuli.shape[:2] != (B, T):
        raise ValueError(f"stimuli: got shape {tuple(stimuli.shape)}, expected ({B}, {T}, covariates)")
    if not stimuli[mask].isfinite().all():
        raise ValueError("stimuli: got NaN or infinite values, expected finite numbers")
