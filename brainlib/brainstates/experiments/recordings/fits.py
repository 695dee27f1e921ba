"""Every model fitted once to every split of a recording, and judged on the block of time that was held out."""

import json
from pathlib import Path
from typing import NamedTuple

from jaxtyping import Float, Int64
from safetensors.torch import load_file, save_file
from torch import Tensor

from brainlib.brainstates.design import Design, design
from brainlib.brainstates.evaluation import (
    bic,
    bits_per_spike,
    free_parameters,
    homogeneous_log_likelihood,
    marginal_log_likelihood,
)
from brainlib.brainstates.experiments.recordings.samples import Sample
from brainlib.brainstates.experiments.recordings.study import Setting
from brainlib.brainstates.fitting import HMMGLM, GaussianPrior, fit
from brainlib.brainstates.onehot import OneHot, fit_one_hot
from brainlib.brainstates.parameters import Parameters

FAMILIES = ("Poisson HMM", "HG", "HG-L1", "GHG", "OHG")
TUNING = 4  # the last such share of what is seen chooses the weights of penalties and priors


class Part(NamedTuple):
    """A part of the recording, as the models with and without coupling read it."""

    coupled: Design
    uncoupled: Design

    def of(self, family: str) -> Design:
        return self.uncoupled if family == "Poisson HMM" else self.coupled


class Fits:
    """The fits to one recording by family, number of states and split.

    Split k holds out block k of the recording's time (modulo the number of blocks), and k is the seed of its starts.
    Families are the paper's: "Poisson HMM", the HMM of HMM Corr, without coupling; "HG" the naive HMM-GLM, with one
    state the GLM; "HG-L1"; "GHG" with a Gaussian prior; "OHG" with the one-hot prior, from HG-L1's fit. The weights of
    the L1 penalty and of the Gaussian prior are chosen for a split on the last quarter of what is seen, with one and
    with two states. What is done is kept in `folder` if there is one.
    """

    def __init__(self, sample: Sample, setting: Setting, folder: str | Path | None = None):
        self.sample, self.setting = sample, setting
        self.folder = None if folder is None else Path(folder).expanduser()
        self.whole = Part(design(sample.trials), design(sample.trials, coupling=False))
        self.known: dict[tuple[str, int, int], dict[str, Tensor]] = {}
        self.chosen: dict[tuple[str, int], float] = {}

    def places(self, split: int, held_out: bool) -> Int64[Tensor, " places"]:
        """The pieces that a split holds out, or those that are seen."""
        seen, others = self.sample.split(split % self.setting.blocks, self.setting.blocks)
        return others if held_out else seen

    def part(self, split: int, held_out: bool) -> Part:
        """What a split holds out, or what is seen."""
        places = self.places(split, held_out)
        return Part(*(whole.pick(places) for whole in self.whole))

    def parameters(self, family: str, states: int, split: int) -> Parameters:
        """Of the fit, which is made or read when it is first asked for. Raises `ValueError` for another family."""
        tensors = self._remembered(family, states, split)
        return Parameters(*(tensors[name] for name in Parameters._fields))

    def adjacency_prior(self, states: int, split: int) -> Float[Tensor, "neurons neurons 3"]:
        """a_0 of OHG's fit."""
        return self._remembered("OHG", states, split)["adjacency_prior"]

    def bits(self, family: str, states: int, split: int) -> float:
        """Held-out marginal log-likelihood in bits a spike, beyond neurons that keep their mean rates."""
        seen, held_out = (self.part(split, held).uncoupled for held in (False, True))
        base = homogeneous_log_likelihood(seen, held_out, self.sample.emission)
        found = self._log_likelihood(family, states, split, held_out=True)
        return bits_per_spike(found, base, int(held_out.counts.sum()))

    def bic(self, family: str, states: int, split: int) -> float:
        """Schwarz's criterion of what is seen, in nats a bin, halved: lower is better."""
        seen = self.part(split, False).of(family)
        found = float(self._log_likelihood(family, states, split, held_out=False).sum())
        bins = int(seen.lengths.sum())
        return bic(found, free_parameters(seen, states), bins) / (2 * bins)

    def _log_likelihood(self, family: str, states: int, split: int, held_out: bool):
        parameters = self.parameters(family, states, split)
        return marginal_log_likelihood(parameters, self.part(split, held_out).of(family), self.sample.emission)

    def _remembered(self, family: str, states: int, split: int) -> dict[str, Tensor]:
        if family not in FAMILIES:
            raise ValueError(f"family: got {family!r}, expected one of {', '.join(FAMILIES)}")
        key = ("HG" if (family, states) == ("GHG", 1) else family), states, split
        if key not in self.known:
            path = self._path("-".join(map(str, key)), "safetensors")
            if path and path.is_file():
                self.known[key] = load_file(path)
            else:
                self.known[key] = self._fit(*key)
                if path:
                    unfinished = path.with_suffix(".part")
                    save_file(self.known[key], unfinished)
                    unfinished.replace(path)
        return self.known[key]

    def _path(self, stem: str, ending: str) -> Path | None:
        if self.folder is None:
            return None
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"{self.setting.recording}-{stem.replace(' ', '-')}.{ending}"

    def _fit(self, family: str, states: int, split: int) -> dict[str, Tensor]:
        seen, more = self.part(split, held_out=False).of(family), {}
        if family == "OHG":
            model = OneHot(states, self.sample.emission)
            start = self.parameters("HG-L1", states, split)  # HG's and GHG's weights may have no bounds
            found = fit_one_hot(model, seen, start=start, iterations=self.setting.one_hot_iterations)
            more["adjacency_prior"] = found.adjacency_prior
        else:
            weight = self.weight(family, split) if family in self.setting.weights else 1.0
            found = fit(self._model(family, states, weight), seen, iterations=self.setting.iterations, seed=split)
        tensors = found.parameters._asdict() | more
        return {name: tensor.contiguous().clone() for name, tensor in tensors.items()}

    def weight(self, family: str, split: int) -> float:
        """The weight of the family's penalty or prior that predicts the last quarter of what is seen best."""
        if (family, split) not in self.chosen:
            path = self._path(f"{family}-weight-{split}", "json")
            if path and path.is_file():
                self.chosen[family, split] = json.loads(path.read_text())
            else:
                self.chosen[family, split] = self._tuned(family, split)
                if path:
                    unfinished = path.with_suffix(".part")
                    unfinished.write_text(json.dumps(self.chosen[family, split]))
                    unfinished.replace(path)
        return self.chosen[family, split]

    def _tuned(self, family: str, split: int) -> float:
        seen = self.part(split, False).of(family)
        pieces = len(seen.lengths)
        first = max(1, pieces - max(1, pieces // TUNING))
        train, test = seen.pick(range(first)), seen.pick(range(first, pieces))
        scores = {}
        for weight in self.setting.weights[family]:
            model = self._model(family, 1 if family == "HG-L1" else 2, weight)
            found = fit(model, train, iterations=self.setting.iterations, seed=split).parameters
            scores[weight] = float(marginal_log_likelihood(found, test, self.sample.emission).sum())
        return max(scores, key=scores.__getitem__)

    def _model(self, family: str, states: int, weight: float) -> HMMGLM:
        prior = GaussianPrior(weight=weight) if family == "GHG" else None
        return HMMGLM(states, self.sample.emission, prior=prior, l1=weight if family == "HG-L1" else 0.0)


def held_out_table(fits: Fits, splits: range, progress: bool = True) -> list[dict]:
    """A row for each split, family and number of states: `bits` and `bic`, as `Fits` has them.

    `progress` shows a bar that says what runs. Used in chapters/brainstates/03_recordings.
    """
    from tqdm.auto import tqdm

    families = fits.setting.states.items()
    jobs = [(family, states, split) for split in splits for family, numbers in families for states in numbers]
    rows = []
    with tqdm(total=len(jobs), desc=fits.setting.recording, unit="fit", disable=not progress, leave=False) as bar:
        for job in jobs:
            family, states, split = job
            bar.set_postfix_str(f"split {split}: {family}, {states} states")
            measured = {"bits": fits.bits(*job), "bic": fits.bic(*job)}
            rows.append({"family": family, "states": states, "split": split} | measured)
            bar.update()
    return rows
