"""Table 1 as the authors print it, in their own Chinese edition of the paper (16 March 2024), to stand beside ours.

How log-likelihoods are offset and scaled, and what the weight error is, the edition does not say. Used in
chapters/brainstates/02_priors.ipynb.
"""

from typing import NamedTuple


class Printed(NamedTuple):
    """A row: means over ten data sets; accuracies in percent, None where the table has a dash."""

    log_likelihood: float
    accuracy: float | None
    error: float | None
    adjacency: float
    prior_adjacency: float


TABLE_1 = {
    "GLM": Printed(-8.43, None, 24.71, 43.12, 44.81),
    "HMM Corr": Printed(-22.53, 42.84, None, 34.04, 15.45),
    "HMM Bern": Printed(-5.68, 87.95, None, 36.25, 40.70),
    "HG": Printed(-5.49, 37.73, 109.67, 34.17, 40.91),
    "HG-L1": Printed(9.14, 91.60, 23.14, 37.47, 48.44),
    "GHG": Printed(8.58, 91.80, 21.54, 42.53, 48.93),
    "GHG-L1": Printed(9.77, 92.08, 14.16, 41.08, 46.98),
    "OHG": Printed(14.64, 92.75, 10.99, 73.90, 80.60),
}
