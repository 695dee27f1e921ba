"""Tasks that ask a network what it was told before: after a delay, in order, by a key, or as a digit read in pieces.

A batch is `(inputs, targets)`: tokens (or, for digits, rows of numbers) and for each the class that is asked for, or
-100 (`IGNORED`) where nothing is asked. The paper's abstract speaks of "memory retention"; which tasks it means could
not be read, so these are the field's usual ones.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int64
from torch import Generator, Tensor

from brainlib import data
from brainlib.arguments import seeded

IGNORED = -100
Batch = tuple[Tensor, Int64[Tensor, "batch time"]]


@dataclass(frozen=True)
class Task:
    """`draw(batch, generator)` gives so many sequences of `steps` time steps, and what is asked at each.

    `vocab` counts the tokens and `inputs` the numbers a step (0 where tokens are read), `outputs` the classes; `chance`
    is the accuracy of one who has no memory at all.
    """

    draw: Callable[[int, Generator], Batch]
    outputs: int
    steps: int
    chance: float
    vocab: int = 256
    inputs: int = 0


def delayed_recall(delay: int, classes: int = 8) -> Task:
    """A cue, `delay` random distractors, and a probe: which of `classes` cues was it?

    Tokens are `classes` cues, then as many distractors, then the probe. The cue came `delay` + 1 steps before the
    probe, so a trace that decays by beta a step is down to beta^(delay + 1).
    """

    def draw(batch: int, generator: Generator) -> Batch:
        cue = torch.randint(classes, (batch, 1), generator=generator)
        distractors = classes + torch.randint(classes, (batch, delay), generator=generator)
        return _asked(torch.cat((cue, distractors, torch.full_like(cue, 2 * classes)), 1), cue)

    return Task(draw, classes, delay + 2, 1 / classes, vocab=2 * classes + 1)


def copying(length: int, delay: int, alphabet: int = 8) -> Task:
    """`length` symbols, `delay` blanks, then "go": the symbols are to be said in order, the first one at "go".

    Tokens are `alphabet` symbols, then the blank, then "go"; blanks stand while the copy is said.
    """

    def draw(batch: int, generator: Generator) -> Batch:
        symbols = torch.randint(alphabet, (batch, length), generator=generator)
        tokens = torch.full((batch, 2 * length + delay), alphabet)
        tokens[:, :length] = symbols
        tokens[:, -length] = alphabet + 1
        return _asked(tokens, symbols)

    return Task(draw, alphabet, 2 * length + delay, 1 / alphabet, vocab=alphabet + 2)


def associative_recall(pairs: int, keys: int = 32, values: int = 32) -> Task:
    """`pairs` of a key and its value, then all keys once more in another order: what was the value of each?

    Tokens are `keys` keys, then `values` values. Keys are different from one another, values need not be. One who
    remembers which values came, but not with which key, is right with `chance`: the expected share of the commonest
    of the values. Raises `ValueError` if there are fewer keys than pairs.
    """
    if keys < pairs:
        raise ValueError(f"keys: got {keys} for {pairs} pairs, expected at least as many keys as pairs")

    def draw(batch: int, generator: Generator) -> Batch:
        told = torch.rand(batch, keys, generator=generator).argsort(1)[:, :pairs]
        answers = torch.randint(values, (batch, pairs), generator=generator)
        order = torch.rand(batch, pairs, generator=generator).argsort(1)
        stream = torch.stack((told, keys + answers), 2).flatten(1)  # [batch, 2 pairs]: key, value, key, value ...
        return _asked(torch.cat((stream, told.gather(1, order)), 1), answers.gather(1, order))

    drawn = torch.randint(values, (4_000, pairs), generator=seeded(0))
    commonest = torch.nn.functional.one_hot(drawn, values).sum(1).amax(1).double().mean()
    return Task(draw, values, 3 * pairs, float(commonest) / pairs, vocab=keys + values)


def read_digits(by: str, test: bool = False) -> Task:
    """Digits of 8 x 8 pixels read in pieces, from top left to bottom right; which it is, is asked after the last piece.

    `by` "rows" gives the 8 pixels of a row at a step, "pixels" one pixel, "permuted" one pixel in an order that is the
    same for all images. Every fifth image is kept for the `test`, which gives all of them at once.
    """
    images, labels = data.digits()
    chosen = (torch.arange(len(images)) % 5 == 4) == test
    pieces, labels, inputs = images[chosen].flatten(1) / 16, labels[chosen, None], 8 if by == "rows" else 1
    if by == "permuted":
        pieces = pieces[:, torch.randperm(64, generator=seeded(0))]
    pieces = pieces.unflatten(1, (-1, inputs))  # [images, steps, inputs]

    def draw(batch: int, generator: Generator) -> Batch:
        if test:
            return _asked(pieces, labels)
        of = torch.randint(len(labels), (batch, 1), generator=generator)[:, 0]
        return _asked(pieces[of], labels[of])

    return Task(draw, 10, pieces.shape[1], 0.1, inputs=inputs)


class Stream:
    """Batches of a task or, at each batch, of one of several tasks, all equally likely.

    Each task has a random generator of its own, and so has the choice; the stream goes on from its `state_dict`.
    """

    def __init__(self, tasks: Sequence[Task], batch: int, seed: int) -> None:
        self.tasks, self.batch = tasks, batch
        self.choice, *self.generators = (seeded(seed) for _ in range(1 + len(tasks)))

    def next_batch(self) -> Batch:
        """The next sequences."""
        number = int(torch.randint(len(self.tasks), (1,), generator=self.choice)) if len(self.tasks) > 1 else 0
        return self.tasks[number].draw(self.batch, self.generators[number])

    def state_dict(self) -> dict[str, Tensor]:
        """The states of the generators."""
        return {str(n): generator.get_state() for n, generator in enumerate((self.choice, *self.generators))}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from `state`."""
        for n, generator in enumerate((self.choice, *self.generators)):
            generator.set_state(state[str(n)])


def _asked(inputs: Tensor, answers: Tensor) -> Batch:
    """The inputs, and the answers at their last steps."""
    targets = torch.full(inputs.shape[:2], IGNORED)
    targets[:, -answers.shape[1] :] = answers
    return inputs, targets
