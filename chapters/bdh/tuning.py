"""The search for a learning rate."""

from collections.abc import Callable, Sequence
from typing import Any

from brainlib import runs


def search(
    attempt: Callable[..., dict[str, Any]], settings: Callable[[float], Any], rates: Sequence[float], seed: int,
    device: str = "auto", most: int = 8,
) -> dict[float, float]:  # fmt: skip
    """What `attempt`, a unit of a study, gives for "tuning" at each of these rates.

    While the lowest or the highest is the best, one more is tried beyond it, by the factor between the first two, up to
    `most`. Of rates that are equally good, and of those that learned nothing, the lowest counts as the best.
    """
    losses: dict[float, float] = {}
    wanted = list(rates)
    while wanted:
        found = runs.study(attempt, {str(rate): settings(rate) for rate in wanted}, [seed], device=device).values()
        losses |= {rate: one["tuning"] for rate, (one,) in zip(wanted, found, strict=True)}
        tried = sorted(losses)
        beyond = {tried[0]: tried[0] * rates[0] / rates[1], tried[-1]: tried[-1] * rates[1] / rates[0]}
        best = min(tried, key=losses.__getitem__)
        wanted = [beyond[best]] if best in beyond and len(tried) < most else []
    return {rate: losses[rate] for rate in tried}
