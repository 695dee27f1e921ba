"""Clones of one parent that learn new languages, their merges, and on what it depends that a merge keeps them; and the
sizes of all that is learned of cipher languages."""

from collections.abc import Mapping
from dataclasses import replace
from statistics import fmean

from brainlib.bdh import BDH, BDHConfig
from brainlib.bdh.surgery import merge
from chapters.bdh.cipher_lessons import Lesson, Plan, learn, losses, trained
from chapters.bdh.ciphers import NAMES, Ciphers

SMALL, LARGE = Ciphers(meanings=12, length=6), Ciphers(languages=6)
PLANS = {
    "ci": Plan(
        SMALL, BDHConfig(2, 32, 2, 256, SMALL.vocab, 0.0), 160, 100, (1.6e-2,), 32, 2, 1,
        Ciphers(2, 24, 6, "verses"), sentences=3, shared=(0,),
    ),
    "laptop": Plan(
        LARGE, BDHConfig(3, 48, 4, 512, LARGE.vocab, 0.0), 300, 200, (4e-3, 8e-3, 1.6e-2), 128, 5, 3,
        Ciphers(2, 24, 8, "verses"), shared=(0, 30, 100), widths=(128, 256),
    ),
}  # fmt: skip
PLANS["paper"] = PLANS["laptop"]  # the page's; of the paper's own size there are no cipher languages, and no verdicts

NEW = ("C", "D")  # the languages of the two clones that are merged; the parent has A and B
Losses = Mapping[str, Mapping[str, float]]  # of a model in a direction


def clones(plan: Plan, rate: float) -> dict[str, Lesson]:
    """By language, what goes on from the parent with A and this one; of B, with the parent's own pair.

    Without steps of a parent they start from random weights, each from its own.
    """
    parent = plan.parent(rate) if plan.steps else None
    lesson = replace(plan, steps=plan.clone_steps).parent(rate)
    return {
        NAMES[number]: replace(lesson, pair=(0, number), start=parent, origin=0 if parent else number)
        for number in range(1, plan.ciphers.languages)
    }


def merging(plan: Plan, rate: float, seed: int, device: str = "auto") -> dict[str, dict[str, float]]:
    """The losses of parent, clones and merges in all directions from and to A."""
    lessons = {"parent": plan.parent(rate)} | {f"clone {name}": one for name, one in clones(plan, rate).items()}
    models = {name: model for name, (model, _) in trained(learn, lessons, seed, device).items()}
    for names in ("CD", "BD", "BC", *(NAMES[2:end] for end in range(5, plan.ciphers.languages + 1))):
        models[f"merged {names}"] = merge([models[f"clone {name}"] for name in names])
    return {name: all_losses(model, plan) for name, model in models.items()}


def all_losses(model: BDH, plan: Plan) -> dict[str, float]:
    """Of A and of every other language alone, and in every direction from and to A."""
    found = {}
    for number in range(1, plan.ciphers.languages):
        found |= losses(model, plan, (0, number))
    return found


def kept(judged: Losses, merges: Mapping[str, str]) -> float:
    """Into A, by how much the merged model is better than the clone without a language, the smaller of both languages.

    `merges` names for each language the merge that is judged. The clone without it may pass the translation by: of its
    losses, of A as a translation and of A alone, the smaller counts.
    """
    gaps = []
    for new, other in zip(NEW, NEW[::-1], strict=True):
        without = judged[f"clone {other}"]
        gaps.append(min(without[f"{new}→A"], without["A"]) - judged[merges[new]][f"{new}→A"])
    return min(gaps)


MERGED = dict.fromkeys(NEW, "merged CD")
UNTAUGHT = {"C": "merged BD", "D": "merged BC"}  # with a clone that was not taught it: a check that this is seen


def mergeability(plan: Plan, rate: float, seed: int, device: str = "auto") -> dict[str, dict[str, dict[str, float]]]:
    """Losses, means of both new languages, for parents of fewer steps ("shared") and models of other widths."""
    steps = {str(count): replace(plan, steps=count) for count in (*plan.shared, plan.steps)}
    widths = {n: replace(plan, model=replace(plan.model, neurons=n)) for n in (*plan.widths, plan.model.neurons)}
    families = {"shared": steps, "neurons": {str(n): widths[n] for n in sorted(widths)}}
    return {
        what: {size: merged_pair(one, rate, seed, device) for size, one in plans.items()}
        for what, plans in families.items()
    }


def merged_pair(plan: Plan, rate: float, seed: int, device: str = "auto") -> dict[str, float]:
    """Into A and from A, the mean loss of clones that were taught the language, that were not, and of their merge."""
    lessons = {name: clones(plan, rate)[name] for name in NEW}
    models = [model for model, _ in trained(learn, lessons, seed, device).values()]
    c, d, both = (all_losses(model, plan) for model in (*models, merge(models)))
    found = {}
    for way, to, fro in (("into A", "C→A", "D→A"), ("from A", "A→C", "A→D")):
        found[f"taught, {way}"] = fmean((c[to], d[fro]))
        found[f"not taught, {way}"] = fmean((d[to], c[fro]))
        found[f"merged, {way}"] = fmean((both[to], both[fro]))
    return found
