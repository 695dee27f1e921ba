"""Parent, clones, merges and growth: what is trained in the chapter on surgery, and for how long."""

from dataclasses import dataclass, replace

from chapters.bdh import translation
from chapters.bdh.experiments import Experiment, schedule
from chapters.bdh.translation import FRENCH, ITALIAN, SPANISH, Run

PAIRS = (SPANISH, FRENCH, ITALIAN)
DIRECTIONS = ("es→en", "fr→en", "it→en", "en→es", "en→fr", "en→it")


@dataclass(frozen=True)
class Plan:
    """`whole` is how a model learns a pair of languages, the parent from random weights and each clone from the
    parent; `short` the training after an operation. `held_out` is how many bytes (a direction) judge one of many
    merges; `whole.held_out` judge a model."""

    whole: Experiment
    short: Experiment
    held_out: int

    @property
    def family(self) -> dict[str, Run]:
        """The parent, and clones that go on for as long."""
        parent = Run(self.whole)
        clones = {"french": FRENCH, "italian": ITALIAN, "spanish": SPANISH}
        return {"base": parent} | {name: Run(self.whole, (pair,), (parent,)) for name, pair in clones.items()}

    @property
    def mended(self) -> dict[str, Run]:
        """A little training on all pairs: of the merge, and of one clone for comparison."""
        family = self.family
        return {
            "mended": Run(self.short, PAIRS, (family["french"], family["italian"])),
            "retaught": Run(self.short, PAIRS, (family["french"],)),
        }

    @property
    def growth(self) -> dict[str, Run]:
        """A little training of the parent as it is, and with half as many neurons more, in two ways."""
        start, more = (self.family["base"],), self.whole.model.neurons // 2
        return {
            "grown-as-it-was": Run(self.short, start=start),
            "grown-split-off": Run(self.short, start=start, new_neurons=more),
            "grown-merely-silent": Run(self.short, start=start, new_neurons=more, silent=True),
        }

    @property
    def without_bptt(self) -> Run:
        return Run(self.whole, bptt=False)


def _plan(whole: Experiment, short_steps: int, held_out: int) -> Plan:
    short = replace(whole, training=schedule(short_steps, whole.training.learning_rate / 2))
    return Plan(whole, short, held_out)


_CI, _LAPTOP = translation.EXPERIMENTS["ci"], translation.EXPERIMENTS["laptop"]
PLANS = {
    "ci": _plan(
        replace(_CI, model=replace(_CI.model, neurons=512), training=schedule(60, 8e-3), held_out=6_000), 9, 4_000
    ),
    "laptop": _plan(replace(_LAPTOP, training=schedule(800, 4e-3), held_out=30_000), 80, 12_000),
    "paper": _plan(translation.EXPERIMENTS["paper"], 1000, 200_000),
}
