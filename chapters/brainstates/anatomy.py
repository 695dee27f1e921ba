"""Does wiring follow the distance between electrodes, and which wiring follows it best?"""

import functools
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64
from scipy.stats import rankdata
from torch import Tensor

from brainlib.brainstates.inference import posterior
from chapters.brainstates.correlograms import cross_correlogram
from chapters.brainstates.fits import Fits, fit_all
from chapters.brainstates.recordings import EMISSION
from chapters.brainstates.states import quiet_to_busy

RAW, ONE_HOT = "count correlation", "OHG, prior"
NAIVE, SPARSE, GAUSSIAN = ("HG, mean weight", "HG-L1, mean weight", "GHG, shared weight")
WITHIN, OF_STATE = "count correlation, state", "GHG, weights of state"
RESAMPLES = {"ci": 200, "laptop": 500, "paper": 2000}  # of electrodes


class Anatomy(NamedTuple):
    """Spearman's coefficients with distance of several wirings of the same neurons.

    `found` has of each the coefficient, and then those of the bootstrap, which draws the same `electrodes` for all.
    """

    found: dict[str, Float64[np.ndarray, "samples"]]
    electrodes: int

    def interval(self, name: str) -> list[float]:
        """A wiring's coefficient and the middle 95 % of it over resampled electrodes."""
        return with_ends(self.found[name])

    def lead(self, name: str, other: str) -> list[float]:
        """The same of one wiring's coefficient less another's."""
        return with_ends(self.found[name] - self.found[other])

    def summary(self) -> dict[str, Any]:
        """Coefficients with the ends of their 95 % intervals, as plain JSON."""
        return {"electrodes": self.electrodes, "spearman": {name: self.interval(name) for name in self.found}}

    def weakest(self, kind: str) -> float:
        """The upper end of the interval in the state where it is highest."""
        return max(self.interval(name)[2] for name in self.found if name.startswith(kind))


def with_ends(samples: Float64[np.ndarray, "samples"]) -> list[float]:
    """The first, and the middle 95 % of the others."""
    return [float(samples[0]), *np.quantile(samples[1:], (0.025, 0.975)).tolist()]


def wirings(fits: Fits, split: int, states: int = 2) -> dict[str, Float64[Tensor, "neurons neurons"]]:
    """What may follow distance, found in what the split sees; [to, from], with signs.

    - `RAW`: the correlation of counts in the same bin;
    - `NAIVE`, `SPARSE`, `GAUSSIAN`: the weights of HG, HG-L1 and GHG, averaged over the states; there GHG's prior has
      its centre;
    - `ONE_HOT`: a_exc - a_inh of OHG's a_0, the prior that its states share;
    - `WITHIN` 1, 2, ..: the correlation of counts in a state of the Poisson HMM, quietest to busiest;
    - `OF_STATE` 1, 2, ..: the weights of GHG's states, in the same order.

    """
    seen = fits.sample.trials.pick(fits.places(split, held_out=False))
    uncoupled, coupled = (fits.design(family, split, held_out=False) for family in ("Poisson HMM", "GHG"))
    plain, gaussian = (fits.parameters(family, states, split) for family in ("Poisson HMM", "GHG"))
    averaged = {NAIVE: "HG", SPARSE: "HG-L1", GAUSSIAN: "GHG"}
    a_0 = torch.as_tensor(fits.results["OHG", states, split]["adjacency_prior"])
    found = {
        RAW: cross_correlogram(seen, seen.mask[..., None].float(), 0)[0, 0],
        **{name: fits.parameters(of, states, split).coupling.double().mean(0) for name, of in averaged.items()},
        ONE_HOT: (a_0[..., 2] - a_0[..., 0]).double(),
    }
    within = cross_correlogram(seen, posterior(plain, uncoupled, EMISSION).states, 0)[:, 0]
    for rank, state in enumerate(quiet_to_busy(plain, uncoupled).tolist(), 1):
        found[f"{WITHIN} {rank}"] = within[state]
    for rank, state in enumerate(quiet_to_busy(gaussian, coupled).tolist(), 1):
        found[f"{OF_STATE} {rank}"] = gaussian.coupling[state].double()
    return found


def follow_distance(
    wirings: dict[str, Float[Tensor, "neurons neurons"]],
    positions_um: Float[Tensor, "neurons 2"],
    samples: int,
    seed: int,
) -> Anatomy:
    """How closely each wiring follows distance, the neurons of an electrode taken together: see `by_electrode`."""
    found = {}
    for name, wiring in wirings.items():
        merged, places = by_electrode(wiring, positions_um)
        generator = torch.Generator().manual_seed(seed)  # the same electrodes for all
        found[name] = distance_correlation(merged, places, generator, samples)
    return Anatomy(found, len(places))


def by_electrode(
    wiring: Float[Tensor, "neurons neurons"], positions_um: Float[Tensor, "places 2"]
) -> tuple[Float64[Tensor, "electrodes electrodes"], Float64[Tensor, "electrodes 2"]]:
    """The mean wiring between the neurons of any two electrodes, both directions together, and where these lie.

    Distance has no direction, and one electrode's neurons have no distance: their pairs end on the diagonal, which no
    measure looks at.
    """
    places, electrode = positions_um.double().unique(dim=0, return_inverse=True)
    share = torch.nn.functional.one_hot(electrode, len(places)).double()
    share = share / share.sum(0)  # [N, E]
    return share.T @ (wiring.double() + wiring.double().T) @ share / 2, places


def distance_correlation(
    wiring: Float[Tensor, "electrodes electrodes"],
    positions_um: Float[Tensor, "electrodes 2"],
    generator: torch.Generator,
    samples: int = 1000,
) -> Float64[np.ndarray, "samples"]:
    """Spearman's correlation of `wiring[n, n']` with the distance of n and n', over all ordered pairs of electrodes:
    of all electrodes, and then of each of `samples` draws.

    Pairs share electrodes and are not independent; the bootstrap therefore draws electrodes, not pairs, with all pairs
    among them (but none of an electrode with itself). One seed draws the same electrodes for every wiring: the
    differences of samples are those of a paired comparison.
    """
    E = len(wiring)
    distance = (positions_um[:, None].double() - positions_um.double()).norm(dim=-1)
    both = torch.stack((wiring.double(), distance)).numpy()
    drawn = torch.randint(E, (samples, E), generator=generator).numpy()
    found = []
    for chosen in (np.arange(E), *drawn):
        apart = chosen[:, None] != chosen
        found.append(np.corrcoef(rankdata(both[:, chosen[:, None], chosen][:, apart], axis=1))[0, 1])
    return np.array(found)


@functools.cache
def anatomies(profile: str, seed: int) -> dict[str, dict[int, Anatomy]]:
    """By recording with known places, and split."""
    return {
        name: {
            split: follow_distance(wirings(fits, split), fits.sample.positions_um, RESAMPLES[profile], split)
            for split in fits.setting.splits(seed)
        }
        for name, fits in fit_all(profile, seed).items()
        if fits.sample.positions_um is not None
    }
