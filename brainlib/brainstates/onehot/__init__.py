"""One-hot HMM-GLMs: signed connections that states share a belief in (the paper's OHG).

`model` (what is fitted), `fit` (the loop) with the M-steps `edges` and `relaxation`.
"""

from brainlib.brainstates.onehot.fit import fit_one_hot
from brainlib.brainstates.onehot.model import OneHot, OneHotFit

__all__ = ["OneHot", "OneHotFit", "fit_one_hot"]
