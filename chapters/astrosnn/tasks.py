"""Tasks that ask a network what it was told before: after a delay, in order, by a key, or as a digit read in pieces.

A batch is `(inputs, targets)`: tokens (or, for digits, rows of numbers) and for each the class that is asked for, or
-100 (`IGNORED`) where nothing is asked. Sources draw from a random generator of their own and can be stopped and
resumed exactly, as `brainlib.training` wants them. The paper's abstract speaks of "memory retention"; which tasks it
means could not be read, so these are the field's usual ones.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from brainlib.arguments import whole_number

IGNORED = -100
_LEAST = {"seed": 0, "order_seed": 0, "delay": 0, "classes": 2, "alphabet": 2}
Tokens = tuple[Int64[Tensor, "batch time"], Int64[Tensor, "batch time"]]
Vectors = tuple[Float[Tensor, "batch time inputs"], Int64[Tensor, "batch time"]]


class Task:
    """What all tasks share: settings, and a generator whose state is the place in the stream of batches.

    `vocab` counts the tokens and `inputs` the numbers a step (0 where tokens are read), `outputs` the classes, `steps`
    the time steps of a sequence; `chance` is the accuracy of one who has no memory at all.
    """

    vocab: int = 256
    inputs: int = 0
    outputs: int
    steps: int
    chance: float

    def __init__(self, batch: int, seed: int, **settings: int) -> None:
        given = {"batch": batch, "seed": seed} | settings
        given = {name: whole_number(name, value, _LEAST.get(name, 1)) for name, value in given.items()}
        self._generator = torch.Generator().manual_seed(given.pop("seed"))
        self._settings = given
        self._batch = given["batch"]

    def next_batch(self) -> Tokens | Vectors:
        """The next sequences, and what is asked at each of their steps."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Tensor]:
        """The settings and the state of the generator."""
        return {name: torch.tensor(value) for name, value in self._settings.items()} | {
            "generator": self._generator.get_state()
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from `state`. Raises `ValueError` if it belongs to another task."""
        expected = sorted([*self._settings, "generator"])
        if sorted(state) != expected:
            raise ValueError(f"state: got the entries {sorted(state)}, expected {expected}")
        for name, value in self._settings.items():
            if state[name].tolist() != value:
                raise ValueError(f"{name}: got a state with {state[name].tolist()}, expected {value}")
        self._generator.set_state(state["generator"])

    def _draw(self, below: int, count: int) -> Int64[Tensor, "batch count"]:
        return torch.randint(below, (self._batch, count), generator=self._generator)

    def _shuffled(self, below: int, count: int) -> Int64[Tensor, "batch count"]:
        """`count` different numbers a row, in random order."""
        return torch.rand(self._batch, below, generator=self._generator).argsort(1)[:, :count]


class DelayedRecall(Task):
    """A cue, `delay` random distractors, and a probe: which of `classes` cues was it?

    Tokens are `classes` cues, then as many distractors, then the probe. The cue came `delay` + 1 steps before the
    probe, so a trace that decays by beta a step is down to beta^(delay + 1).
    """

    def __init__(self, delay: int, classes: int = 8, batch: int = 64, seed: int = 0) -> None:
        super().__init__(batch, seed, delay=delay, classes=classes)
        self.delay, self.classes = delay, classes
        self.vocab, self.outputs, self.steps, self.chance = (2 * classes + 1, classes, delay + 2, 1 / classes)

    def next_batch(self) -> Tokens:
        """The next sequences; only the probe has a target."""
        cue = self._draw(self.classes, 1)
        probe = torch.full_like(cue, 2 * self.classes)
        tokens = torch.cat((cue, self.classes + self._draw(self.classes, self.delay), probe), 1)
        targets = torch.full_like(tokens, IGNORED)
        targets[:, -1:] = cue
        return tokens, targets


class Copying(Task):
    """`length` symbols, `delay` blanks, then "go": the symbols are to be said in order, the first one at "go".

    Tokens are `alphabet` symbols, then the blank, then "go"; blanks stand while the copy is said.
    """

    def __init__(self, length: int, delay: int, alphabet: int = 8, batch: int = 64, seed: int = 0) -> None:
        super().__init__(batch, seed, length=length, delay=delay, alphabet=alphabet)
        self.length, self.alphabet = length, alphabet
        self.vocab, self.outputs, self.chance = alphabet + 2, alphabet, 1 / alphabet
        self.steps = 2 * length + delay

    def next_batch(self) -> Tokens:
        """The next sequences; the last `length` steps have targets."""
        symbols = self._draw(self.alphabet, self.length)
        tokens = torch.full((self._batch, self.steps), self.alphabet)
        targets = torch.full_like(tokens, IGNORED)
        tokens[:, : self.length] = targets[:, -self.length :] = symbols
        tokens[:, -self.length] = self.alphabet + 1
        return tokens, targets


class AssociativeRecall(Task):
    """`pairs` of a key and its value, then all keys once more in another order: what was the value of each?

    Tokens are `keys` keys, then `values` values. Keys are different from one another, values need not be. One who
    remembers which values came, but not with which key, is right with `chance`: the expected share of the commonest
    of the values, at least 1 / pairs. Raises `ValueError` if there are fewer keys than pairs.
    """

    def __init__(self, pairs: int, keys: int = 32, values: int = 32, batch: int = 64, seed: int = 0) -> None:
        super().__init__(batch, seed, pairs=pairs, keys=keys, values=values)
        if keys < pairs:
            raise ValueError(f"keys: got {keys} for {pairs} pairs, expected at least as many keys as pairs")
        self.pairs, self.keys, self.values = pairs, keys, values
        self.vocab, self.outputs, self.steps = keys + values, values, 3 * pairs
        self.chance = _commonest(pairs, values)

    def next_batch(self) -> Tokens:
        """The next sequences; the last `pairs` steps, the queries, have targets."""
        keys, values = (self._shuffled(self.keys, self.pairs), self._draw(self.values, self.pairs))
        order = self._shuffled(self.pairs, self.pairs)
        told = torch.stack((keys, self.keys + values), 2).flatten(1)  # [batch, 2 pairs]: key, value, key, value ...
        tokens = torch.cat((told, keys.gather(1, order)), 1)
        targets = torch.full_like(tokens, IGNORED)
        targets[:, -self.pairs :] = values.gather(1, order)
        return tokens, targets


class ReadDigits(Task):
    """Images read in pieces, from top left to bottom right; which digit it is, is asked after the last piece.

    `by` "rows" gives the 8 pixels of a row at a step, "pixels" one pixel, "permuted" one pixel in an order drawn once
    from `order_seed`, the same for all images. Ink, 0 to 16 in `images`, becomes 0 to 1.
    Raises `ValueError` for another `by`, no images, or not one label for each.
    """

    outputs = 10
    chance = 0.1

    def __init__(
        self,
        images: UInt8[Tensor, "images 8 8"],
        labels: Int64[Tensor, " images"],
        by: str = "rows",
        batch: int = 64,
        seed: int = 0,
        order_seed: int = 0,
    ) -> None:
        if by not in ("rows", "pixels", "permuted"):
            raise ValueError(f"by: got {by!r}, expected rows, pixels or permuted")
        if not len(images) or len(labels) != len(images):
            raise ValueError(
                f"labels: got {len(labels)} for {len(images)} images, expected one for each of one or more"
            )
        super().__init__(batch, seed, order_seed=order_seed, images=len(images))
        self.inputs = 8 if by == "rows" else 1
        pieces = images.flatten(1) / 16
        if by == "permuted":
            pieces = pieces[:, torch.randperm(64, generator=torch.Generator().manual_seed(order_seed))]
        self._pieces, self._labels = (pieces.unflatten(1, (-1, self.inputs)), labels)  # [images, steps, inputs]
        self.steps = self._pieces.shape[1]

    def next_batch(self) -> Vectors:
        """Images drawn at random, with replacement."""
        return self._asked(self._draw(len(self._labels), 1)[:, 0])

    def all(self) -> Vectors:
        """Every image once, in order."""
        return self._asked(torch.arange(len(self._labels)))

    def _asked(self, chosen: Int64[Tensor, " images"]) -> Vectors:
        targets = torch.full((len(chosen), self.steps), IGNORED)
        targets[:, -1] = self._labels[chosen]
        return self._pieces[chosen], targets


class Mixture(Task):
    """One of several tasks at each batch, all equally likely: such as one task at several delays.

    They must have the same tokens and classes, and be used by no one else. `steps` is the longest, `chance` the mean.
    Raises `ValueError` for no tasks, and for tasks that do not fit together.
    """

    def __init__(self, tasks: Sequence[Task], seed: int = 0) -> None:
        kinds = {(task.vocab, task.inputs, task.outputs) for task in tasks}
        if len(kinds) != 1:
            raise ValueError(f"tasks: got {len(tasks)} of {len(kinds)} kinds of tokens and classes, expected one kind")
        super().__init__(1, seed)
        self._tasks = tuple(tasks)
        ((self.vocab, self.inputs, self.outputs),) = kinds
        self.steps = max(task.steps for task in tasks)
        self.chance = sum(task.chance for task in tasks) / len(tasks)

    def next_batch(self) -> Tokens | Vectors:
        """The next batch of one of the tasks."""
        return self._tasks[int(self._draw(len(self._tasks), 1))].next_batch()

    def state_dict(self) -> dict[str, Tensor]:
        """The settings and states of all tasks, "2/delay", and of the draw among them."""
        return super().state_dict() | {
            f"{number}/{name}": value
            for number, task in enumerate(self._tasks)
            for name, value in task.state_dict().items()
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from `state`. Raises `ValueError` if it belongs to other tasks."""
        super().load_state_dict({name: value for name, value in state.items() if "/" not in name})
        for number, task in enumerate(self._tasks):
            start = f"{number}/"
            task.load_state_dict(
                {name.removeprefix(start): value for name, value in state.items() if name.startswith(start)}
            )


def held_out(count: int) -> tuple[Int64[Tensor, " learned"], Int64[Tensor, " kept"]]:
    """Which of `count` images are learned from and which are kept for the test: every fifth."""
    places = torch.arange(count)
    return places[places % 5 != 4], places[places % 5 == 4]


def _commonest(pairs: int, values: int) -> float:
    """The expected share of the commonest among `pairs` values that are drawn evenly; by simulation."""
    drawn = torch.randint(values, (4_000, pairs), generator=torch.Generator().manual_seed(0))
    counts = torch.zeros(4_000, values).scatter_add_(1, drawn, torch.ones(drawn.shape))
    return float(counts.amax(1).mean()) / pairs
