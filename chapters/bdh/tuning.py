"""Which learning rate to try next."""

from collections.abc import Mapping

MOST = 8  # rates


def beyond(losses: Mapping[float, float], most: int = MOST) -> tuple[float, ...]:
    """Where the lowest or the highest rate is the best, one beyond it, by the factor between the two lowest; none where
    `most` were tried, or only one. Of rates that are equally good, and of those that learned nothing, the lowest counts
    as the best."""
    rates = sorted(losses)
    best = rates.index(min(rates, key=losses.__getitem__))
    if not 1 < len(rates) < most or 0 < best < len(rates) - 1:
        return ()
    factor = rates[1] / rates[0]
    return (rates[0] / factor if best == 0 else rates[-1] * factor,)
