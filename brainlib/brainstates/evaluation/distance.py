"""Does wiring follow anatomy: the rank correlation of wiring strengths with the distance between electrodes."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Float64
from torch import Tensor

AT_ONCE = 2**21  # pairs of all samples


class DistanceCorrelation(NamedTuple):
    """Spearman's coefficient with its bootstrap over electrodes."""

    spearman: float
    samples: Float64[Tensor, " samples"]  # those of the resampled electrodes

    def interval(self, share: float = 0.95) -> tuple[float, float]:
        """The middle `share` of the samples."""
        edges = self.samples.new_tensor([(1 - share) / 2, (1 + share) / 2])
        low, high = self.samples.quantile(edges).tolist()
        return low, high


def pair_distances(positions_um: Float[Tensor, "electrodes 2"]) -> Float64[Tensor, "electrodes electrodes"]:
    """Between every two electrodes, in micrometres. Used in chapters/brainstates/03_recordings."""
    return (positions_um[:, None].double() - positions_um.double()).norm(dim=-1)


def distance_correlation(
    wiring: Float[Tensor, "electrodes electrodes"],
    positions_um: Float[Tensor, "electrodes 2"],
    generator: torch.Generator,
    rates: Float[Tensor, "electrodes"] | None = None,
    samples: int = 1000,
) -> DistanceCorrelation:
    """Spearman's correlation of `wiring[n, n']` with the distance of n and n', over all ordered pairs of electrodes.

    With `rates`, the partial correlation given the product of the two rates, so that a wiring that follows rates alone
    gains nothing:  (r_wd - r_wp r_dp) / sqrt((1 - r_wp^2) (1 - r_dp^2)), all ranks; w wiring, d distance, p product.

    Pairs share electrodes and are not independent; the bootstrap therefore draws electrodes, not pairs, with all pairs
    among them (but none of an electrode with itself). One seed draws the same electrodes for every wiring: the
    differences of samples are those of a paired comparison. Raises `ValueError` for shapes that do not fit, fewer than
    4 electrodes, values that are not finite and fewer than 1 sample. Used in chapters/brainstates/03_recordings.
    """
    electrodes = len(wiring)
    if electrodes < 4:
        raise ValueError(f"wiring: got {electrodes} electrodes, expected at least 4")
    if samples < 1:
        raise ValueError(f"samples: got {samples}, expected at least 1")
    expected = {"wiring": (wiring, (electrodes, electrodes)), "positions_um": (positions_um, (electrodes, 2))}
    if rates is not None:
        expected["rates"] = (rates, (electrodes,))
    for name, (tensor, shape) in expected.items():
        if tensor.shape != shape or not tensor.isfinite().all():
            raise ValueError(f"{name}: got the shape {tuple(tensor.shape)}, expected finite values of shape {shape}")
    pairs = ~torch.eye(electrodes, dtype=torch.bool)
    tables = [wiring.detach().double().cpu()[pairs], pair_distances(positions_um).cpu()[pairs]]
    if rates is not None:
        tables.append(torch.outer(rates.double(), rates.double()).cpu()[pairs])
    drawn = torch.randint(electrodes, (samples, electrodes), generator=generator)
    times = torch.nn.functional.one_hot(drawn, electrodes).sum(1).double()
    times = torch.cat((torch.ones(1, electrodes, dtype=torch.float64), times))  # first each electrode once
    found = torch.cat(
        [_rank_correlation(tables, some, pairs) for some in times.split(max(1, AT_ONCE // len(tables[0])))]
    )
    return DistanceCorrelation(found[0].item(), found[1:])


def _rank_correlation(tables: list[Tensor], times: Tensor, pairs: Tensor) -> Float64[Tensor, " samples"]:
    """Of the first two tables, given the third if there is one: each of the values of all pairs counts as often as its
    two electrodes together were drawn, times [samples, electrodes].
    """
    weights = (times[:, :, None] * times[:, None])[:, pairs]  # [samples, pairs]
    weights = weights / weights.sum(1, keepdim=True)
    ranks = torch.stack([_ranks(values, weights) for values in tables], 1)  # [samples, tables, pairs]
    centred = ranks - (ranks * weights[:, None]).sum(2, keepdim=True)
    covariances = (centred * weights[:, None]) @ centred.mT
    scale = covariances.diagonal(dim1=1, dim2=2).rsqrt()
    r = covariances * scale[:, :, None] * scale[:, None]
    if len(tables) == 2:
        return r[:, 0, 1]
    wd, wp, dp = r[:, 0, 1], r[:, 0, 2], r[:, 1, 2]
    return (wd - wp * dp) / ((1 - wp**2) * (1 - dp**2)).sqrt()


def _ranks(values: Tensor, weights: Tensor) -> Tensor:
    """The share of weight below each value, and half of that at it."""
    distinct, place = values.unique(return_inverse=True)
    at = weights.new_zeros(len(weights), len(distinct)).index_add_(1, place, weights)
    return (at.cumsum(1) - at / 2)[:, place]
