"""Does wiring follow the distance between electrodes, and which wiring follows it best?"""

import functools
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from brainlib.brainstates.inference import posterior
from chapters.brainstates.correlograms import cross_correlogram
from chapters.brainstates.fits import Fits, fit_all
from chapters.brainstates.recordings import planned
from chapters.brainstates.states import quiet_to_busy

RAW, ONE_HOT = "count correlation", "OHG, prior"
NAIVE, SPARSE, GAUSSIAN = ("HG, mean weight", "HG-L1, mean weight", "GHG, shared weight")
WITHIN, OF_STATE = "count correlation, state", "GHG, weights of state"


class DistanceCorrelation(NamedTuple):
    """Spearman's coefficient with its bootstrap over electrodes."""

    spearman: float
    samples: Float64[Tensor, " samples"]  # those of the resampled electrodes

    def interval(self, share: float = 0.95) -> tuple[float, float]:
        """The middle `share` of the samples."""
        edges = self.samples.new_tensor([(1 - share) / 2, (1 + share) / 2])
        low, high = self.samples.quantile(edges).tolist()
        return low, high


class Anatomy(NamedTuple):
    """Spearman's coefficients with distance of several wirings of the same neurons.

    `found` has each with the samples of the bootstrap, all on the same electrodes drawn; `electrodes` is their number.
    """

    found: dict[str, DistanceCorrelation]
    electrodes: int

    def lead(self, name: str, other: str) -> tuple[float, float, float]:
        """One wiring's coefficient less another's, and the middle 95 % of it over resampled electrodes."""
        one, two = self.found[name], self.found[other]
        difference = DistanceCorrelation(one.spearman - two.spearman, one.samples - two.samples)
        return difference.spearman, *difference.interval()

    def summary(self) -> dict[str, Any]:
        """Coefficients with the ends of their 95 % intervals, as plain JSON."""
        spearman = {name: [rho.spearman, *rho.interval()] for name, rho in self.found.items()}
        return {"electrodes": self.electrodes, "spearman": spearman}

    def weakest(self, kind: str) -> float:
        """The upper end of the interval in the state where it is highest."""
        return max(rho.interval()[1] for name, rho in self.found.items() if name.startswith(kind) and name != kind)


def wirings(fits: Fits, split: int, states: int = 2) -> dict[str, Float64[Tensor, "neurons neurons"]]:
    """What may follow distance, found in what the split sees; [to, from], with signs.

    - `RAW`: the correlation of counts in the same bin;
    - `NAIVE`, `SPARSE`, `GAUSSIAN`: the weights of HG, HG-L1 and GHG, averaged over the states; there GHG's prior has
      its centre;
    - `ONE_HOT`: a_exc - a_inh of OHG's a_0, the prior that its states share;
    - `WITHIN` 1, 2, ..: the correlation of counts in a state of the Poisson HMM, quietest to busiest;
    - `OF_STATE` 1, 2, ..: the weights of GHG's states, in the same order.

    """
    emission, part = fits.sample.emission, fits.part(split, held_out=False)
    seen = fits.sample.trials.pick(fits.places(split, held_out=False))
    plain, gaussian = (fits.parameters(family, states, split) for family in ("Poisson HMM", "GHG"))
    averaged = {NAIVE: "HG", SPARSE: "HG-L1", GAUSSIAN: "GHG"}
    a_0 = fits.adjacency_prior(states, split)
    found = {
        RAW: cross_correlogram(seen, seen.mask[..., None].float(), 0)[0, 0],
        **{name: fits.parameters(of, states, split).coupling.double().mean(0) for name, of in averaged.items()},
        ONE_HOT: (a_0[..., 2] - a_0[..., 0]).double(),
    }
    within = cross_correlogram(seen, posterior(plain, part.uncoupled, emission).states, 0)[:, 0]
    for rank, state in enumerate(quiet_to_busy(plain, part.uncoupled, emission).tolist(), 1):
        found[f"{WITHIN} {rank}"] = within[state]
    for rank, state in enumerate(quiet_to_busy(gaussian, part.coupled, emission).tolist(), 1):
        found[f"{OF_STATE} {rank}"] = gaussian.coupling[state].double()
    return found


def follow_distance(
    wirings: dict[str, Float[Tensor, "neurons neurons"]],
    positions_um: Float[Tensor, "neurons 2"],
    samples: int,
    seed: int,
) -> Anatomy:
    """How closely each wiring follows distance, the neurons of an electrode taken together: see `by_electrode`.

    Raises `ValueError` as `distance_correlation`.
    """
    found = {}
    for name, wiring in wirings.items():
        merged, places = by_electrode(wiring, positions_um)
        generator = torch.Generator().manual_seed(seed)  # the same electrodes for all
        found[name] = distance_correlation(merged, places, generator, samples=samples)
    return Anatomy(found, len(places))


def by_electrode(
    wiring: Float[Tensor, "neurons neurons"], positions_um: Float[Tensor, "places 2"]
) -> tuple[Float64[Tensor, "electrodes electrodes"], Float64[Tensor, "electrodes 2"]]:
    """The mean wiring between the neurons of any two electrodes, both directions together, and where these lie.

    Distance has no direction, and one electrode's neurons have no distance: their pairs end on the diagonal, which no
    measure looks at. Raises `ValueError` for positions of other neurons.
    """
    if len(wiring) != len(positions_um):
        raise ValueError(f"positions_um: got {len(positions_um)} places, expected {len(wiring)}, one a neuron")
    places, electrode = positions_um.double().unique(dim=0, return_inverse=True)
    share = torch.nn.functional.one_hot(electrode, len(places)).double()
    share = share / share.sum(0)  # [N, E]
    return share.T @ (wiring.double() + wiring.double().T) @ share / 2, places


@functools.cache
def anatomies(profile: str, seed: int) -> dict[str, dict[int, Anatomy]]:
    """By recording with known places, and split."""
    return {
        name: {
            split: follow_distance(wirings(fits, split), fits.sample.positions_um, planned(profile).resamples, split)
            for split in fits.setting.splits(seed)
        }
        for name, fits in fit_all(profile, seed).items()
        if fits.sample.positions_um is not None
    }


# ---- Spearman's coefficient and its bootstrap over electrodes ----

AT_ONCE = 2**21  # pairs of all samples


def pair_distances(positions_um: Float[Tensor, "electrodes 2"]) -> Float64[Tensor, "electrodes electrodes"]:
    """Between every two electrodes, in micrometres."""
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
    4 electrodes, values that are not finite and fewer than 1 sample.
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
