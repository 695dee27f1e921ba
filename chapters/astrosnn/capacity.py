"""How many pairs a matrix holds: random keys and values written into one head's H, with no network around it.

    H = sum_i k_i v_i^T  (Hebbian)     or     H <- H + k_i (v_i - k_i H)^T  (delta rule)

k_i and v_i are random directions in R^d. A pair is recalled if of all values written, v_i is nearest to k_i H. For the
Hebbian sum the right value stands out by 1 against a crowd of N - 1 others of deviation sqrt(N) / d, so that about
d^2 / (2 ln N) pairs fit: as many as H has entries, but for the logarithm. The delta rule with random keys takes from
each older pair the part of it that lies along the new key, and so keeps exp(-1 / d) of it: only the last few d pairs.
"""

import torch

from brainlib.arguments import seeded
from brainlib.astrosnn.kernels.memory import astrocyte_memory
from brainlib.astrosnn.synapses import unit_length


def recalled(dim: int, pairs: int, rule: str, seed: int, memories: int = 64) -> float:
    """The share of `pairs` that heads of size `dim` recall, over so many independent `memories`.

    `rule` is "Hebbian" or "delta", both without decay; the delta rule writes all of the difference (eta = 1).
    Raises `ValueError` for another rule and for sizes below 1.
    """
    if rule not in ("Hebbian", "delta"):
        raise ValueError(f"rule: got {rule!r}, expected Hebbian or delta")
    for name, value in (("dim", dim), ("pairs", pairs), ("memories", memories)):
        if value < 1:
            raise ValueError(f"{name}: got {value}, expected at least 1")
    generator = seeded(seed)
    keys, values = (
        unit_length(torch.randn(memories, pairs, 1, dim, generator=generator, dtype=torch.float64)) for _ in range(2)
    )
    write = None if rule == "Hebbian" else torch.ones(memories, pairs, 1, dtype=torch.float64)
    no_decay = torch.zeros(1, dtype=torch.float64)
    _, memory = astrocyte_memory(keys, keys, values, no_decay, write)
    answers = (keys[:, :, 0] @ memory[:, 0]) @ values[:, :, 0].mT  # [memories, pairs asked, values]
    return float((answers.argmax(-1) == torch.arange(pairs)).double().mean())


def capacity(dim: int, rule: str, seed: int, share: float = 0.9) -> int:
    """The largest number of pairs, of 1, 2, 3, ... in steps of a tenth, of which at least `share` are recalled.

    Raises as `recalled`, and for a share that is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"share: got {share}, expected a number between 0 and 1")
    pairs, last = 1, 0
    while recalled(dim, pairs, rule, seed) >= share:
        last, pairs = pairs, pairs + max(1, pairs // 10)
    return last
