"""What the chapter on memory runs at every profile: one form of experiment, for all of its questions.

An `Experiment` teaches each contestant a task at the values in `taught` and asks it at those in `asked`: delays of
delayed recall, pairs of associative recall, lengths to copy, or ways to read digits. Contestants differ in what they
remember with, and in nothing else. Sizes are those of a CPU; the paper's could not be read. Used in
chapters/astrosnn/02_memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from torch import Tensor

from brainlib import data
from brainlib.astrosnn.experiments.mechanisms import contestant
from brainlib.astrosnn.experiments.teaching import Lessons, accuracy, described, teach
from brainlib.astrosnn.model import AstroSNN, AstroSNNConfig
from brainlib.astrosnn.tasks import AssociativeRecall, Copying, DelayedRecall, Mixture, ReadDigits, Task, held_out

TEST_SEED = 1_000_000  # streams of tests begin here, those of lessons at the seed of the network
TEST_BATCH = 256


@dataclass(frozen=True)
class Experiment:
    """One question, asked of several contestants (`mechanisms.contestant`) that were taught in the same way.

    - `task`: "recall" after a delay, "pairs" of associative recall, "copying" or "digits"; `settings` of it.
    - `taught`: the values at which it is taught: all by one network, a batch each at random (`together`), or each by
      a network of its own. `asked`: the values of the test; of a network of its own only the one it was taught.
    - `tests`: batches of 256 sequences behind one accuracy.
    """

    task: str
    contestants: tuple[str, ...]
    taught: tuple[int | str, ...]
    lessons: Lessons
    asked: tuple[int | str, ...] = ()
    together: bool = False
    tests: int = 2
    settings: tuple[tuple[str, int], ...] = ()

    def courses(self) -> list[tuple[str, tuple[int | str, ...], tuple[int | str, ...]]]:
        """For each network of a contestant its name, the values it is taught and those it is asked."""
        if self.together:
            return [("all", self.taught, self.asked or self.taught)]
        return [(str(value), (value,), (value,)) for value in self.taught]


def draw_task(experiment: Experiment, value: int | str, batch: int, seed: int, kept: bool = False) -> Task:
    """The task at one value; `kept` digits are those of the test. Raises `ValueError` for an unknown task."""
    settings = dict(experiment.settings) | {"batch": batch, "seed": seed}
    if experiment.task == "digits":
        images, labels = data.digits()
        chosen = held_out(len(images))[kept]
        return ReadDigits(images[chosen], labels[chosen], str(value), **settings)
    tasks = {
        "recall": partial(DelayedRecall, value),
        "pairs": partial(AssociativeRecall, value),
        "copying": partial(Copying, value),
    }
    if experiment.task not in tasks:
        raise ValueError(f"task: got {experiment.task!r}, expected {', '.join(tasks)} or digits")
    return tasks[experiment.task](**settings)


def examined(model: AstroSNN, experiment: Experiment, value: int | str, seed: int) -> float:
    """The share of right answers at one value, on sequences (or digits) that were not learned from."""
    task = draw_task(experiment, value, TEST_BATCH, TEST_SEED + seed, kept=True)
    return accuracy(model, _batches(task, experiment.tests))


def _batches(task: Task, count: int) -> Iterator[tuple[Tensor, Tensor]]:
    if isinstance(task, ReadDigits):
        yield task.all()
    else:
        for _ in range(count):
            yield task.next_batch()


def taught(
    experiment: Experiment,
    name: str,
    values: tuple[int | str, ...],
    frame: AstroSNNConfig,
    seed: int,
    device: str = "auto",
    folder: Path | None = None,
) -> tuple[AstroSNN, dict[str, Any]]:
    """The network of a contestant that was taught `values`, and what is worth knowing of it; resumable."""
    tasks = [draw_task(experiment, value, experiment.lessons.batch, seed) for value in values]
    task = Mixture(tasks, seed) if len(tasks) > 1 else tasks[0]
    config = contestant(name, frame, task)
    model, history = teach(config, task, experiment.lessons, seed, device, folder)
    return model, described(model, history, task.steps)


def run(
    name: str,
    experiment: Experiment,
    frame: AstroSNNConfig,
    seeds: range,
    device: str = "auto",
    folder: Path | None = None,
    progress: bool = True,
) -> dict[str, dict[str, Any]]:
    """By contestant and seed: {"accuracy": {value: share right}, "networks": {course: what `described` tells}}.

    Values and seeds are strings, as in JSON. `name` is the experiment's, for its place in `folder`. An interrupted run
    goes on where it stopped; a bar (`progress`) counts the networks.
    """
    from tqdm.auto import tqdm

    found: dict[str, dict[str, Any]] = {each: {} for each in experiment.contestants}
    courses = experiment.courses()
    count = len(experiment.contestants) * len(seeds) * len(courses)
    with tqdm(total=count, desc=name, unit="network", disable=not progress, leave=False) as bar:
        for each, seed in product(experiment.contestants, seeds):
            scores, networks = {}, {}
            for course, values, asked in courses:
                bar.set_postfix_str(f"{each}, seed {seed}")
                place = folder and folder / path_of(name, each, course, seed)
                model, networks[course] = taught(experiment, each, values, frame, seed, device, place)
                scores |= {str(value): examined(model, experiment, value, seed) for value in asked}
                bar.update()
            found[each][str(seed)] = {"accuracy": scores, "networks": networks}
    return found


def path_of(*names: str | int) -> str:
    """The folder of one network, such as recall-AM-SU-all-0."""
    return "-".join(map(str, names)).replace(",", "").replace(" ", "-")


def chances(experiment: Experiment) -> dict[str, float]:
    """What one without a memory gets, by value."""
    values = [value for course in experiment.courses() for value in course[2]]
    return {str(value): draw_task(experiment, value, 1, 0).chance for value in values}
