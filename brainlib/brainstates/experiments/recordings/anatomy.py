"""Does wiring follow the distance between electrodes, and which wiring follows it best?"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from brainlib.brainstates.evaluation import cross_correlogram, distance_correlation
from brainlib.brainstates.evaluation.distance import DistanceCorrelation
from brainlib.brainstates.experiments.recordings.fits import Fits
from brainlib.brainstates.experiments.recordings.waves import quiet_to_busy
from brainlib.brainstates.inference import posterior

RAW, ONE_HOT = "count correlation", "OHG, prior"
NAIVE, SPARSE, GAUSSIAN = "HG, mean weight", "HG-L1, mean weight", "GHG, shared weight"
WITHIN, OF_STATE = "count correlation, state", "GHG, weights of state"


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


def wirings(fits: Fits, split: int, states: int = 2) -> dict[str, Float64[Tensor, "neurons neurons"]]:
    """What may follow distance, found in what the split sees; [to, from], with signs.

    - `RAW`: the correlation of counts in the same bin;
    - `NAIVE`, `SPARSE`, `GAUSSIAN`: the weights of HG, HG-L1 and GHG, averaged over the states; there GHG's prior has
      its centre;
    - `ONE_HOT`: a_exc - a_inh of OHG's a_0, the prior that its states share;
    - `WITHIN` 1, 2, ..: the correlation of counts in a state of the Poisson HMM, quietest to busiest;
    - `OF_STATE` 1, 2, ..: the weights of GHG's states, in the same order.

    Used in chapters/brainstates/03_recordings.
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

    Raises `ValueError` as `distance_correlation`. Used in chapters/brainstates/03_recordings.
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
    measure looks at. Raises `ValueError` for positions of other neurons. Used in chapters/brainstates/03_recordings.
    """
    if len(wiring) != len(positions_um):
        raise ValueError(f"positions_um: got {len(positions_um)} places, expected {len(wiring)}, one a neuron")
    places, electrode = positions_um.double().unique(dim=0, return_inverse=True)
    share = torch.nn.functional.one_hot(electrode, len(places)).double()
    share = share / share.sum(0)  # [N, E]
    return share.T @ (wiring.double() + wiring.double().T) @ share / 2, places
