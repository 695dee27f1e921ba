"""What the claims on language and on energy measure, from one run."""

from collections.abc import Mapping
from statistics import fmean

from chapters.astrosnn.language import Plan, Result, Study

OURS, BASELINE, TRANSFORMER = "AM-SU", "PLIF", "transformer, GELU"
EARLY = 16  # bytes of context, or fewer

Results = Mapping[str, Result]  # by model


def findings(plan: Plan, results: Mapping[str, Results]) -> dict[str, float]:
    """By claim, the number that it is judged by; a claim whose study the profile lacks is left out.

    `results` are those of `language.run`, by study and model.
    """
    (title, study), *_ = plan.studies.items()
    first = results[title]
    ours = first[OURS]
    found = {
        "A6": lead(first, BASELINE, OURS),
        "A6-lif": lead(first, "LIF", OURS),
        "A6-state": lead(first, "PLIF, wide", "AM-SU, small heads"),
        "A6-printed": lead(first, OURS, "AM-SU, sigmoid"),
        "A6-spikegpt": lead(first, "SpikeGPT", OURS),
        "A6-transformer": lead(first, TRANSFORMER, OURS),
        "A6-context": growth(study, first[BASELINE].by_context, ours.by_context),
        "A6-lesion": late(study, ours.lesioned) - late(study, ours.by_context),
        "A6-repeat": ours.repeated - first[BASELINE].repeated,
        "A8": fmean(ours.operations.rates.values()),
        "A8-energy": ours.operations.nanojoules / first[TRANSFORMER].operations.nanojoules,
        "A8-rest": 1 - ours.operations.spike_nanojoules / ours.operations.nanojoules,
    }
    if "longer context" in results:
        found["A6-longer"] = lead(first, BASELINE, OURS) - lead(results["longer context"], BASELINE, OURS)
    for claim, name in (("A6-larger", "larger"), ("A6-verses", "verses")):
        if name in results:
            found[claim] = lead(results[name], BASELINE, OURS)
    return found


def lead(results: Results, other: str, name: str) -> float:
    """The held-out loss of `name` less that of `other`."""
    return results[name].loss - results[other].loss


def late(study: Study, curve: list[float]) -> float:
    """The mean of a curve over the contexts of half a crop or more."""
    return fmean(loss for context, loss in zip(study.contexts, curve, strict=True) if context >= study.length // 2)


def early(study: Study, curve: list[float]) -> float:
    """The mean of a curve over the contexts of 16 bytes or fewer."""
    return fmean(loss for context, loss in zip(study.contexts, curve, strict=True) if context <= EARLY)


def growth(study: Study, theirs: list[float], ours: list[float]) -> float:
    """How much more `ours` is below `theirs` late in the context than early."""
    return (late(study, theirs) - late(study, ours)) - (early(study, theirs) - early(study, ours))
