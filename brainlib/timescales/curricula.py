"""Curricula: which spans are practised together, how they grow, and which readout answers for each.

A span is the paper's N, how many bits back the answer reaches. A curriculum is a row of stages, each a list of spans
that lie side by side; a network moves to the next stage when it passes a test of the present one. The official code
calls them `single`, `cumulative` and `sliding`.
"""

from dataclasses import dataclass

from brainlib.arguments import whole_number

SHORTEST_SPAN = 2


@dataclass(frozen=True)
class Curriculum:
    """The spans from `smallest` to `largest` at stage 0; each stage moves the two by `moves`. `stages` is how many
    stages there are, None for no end.

    Heads are numbered from 0. A span is answered by the head of its place in the stage's list, or, with `own_heads`,
    by the head that is its alone in all stages.

    Raises `ValueError` for a span below 2, an empty stage, or a stage that does not lead further than the last.

    >>> from brainlib.timescales import Curriculum
    >>> by_threes = Curriculum("by threes", smallest=2, largest=4, moves=(0, 3))
    >>> by_threes.spans(1), by_threes.heads(1)
    ((2, 3, 4, 5, 6, 7), (0, 1, 2, 3, 4, 5))
    """

    name: str
    smallest: int
    largest: int
    moves: tuple[int, int] = (0, 0)
    stages: int | None = None
    own_heads: bool = False

    def __post_init__(self) -> None:
        for name in ("smallest", "largest"):
            object.__setattr__(self, name, whole_number(name, getattr(self, name)))
        object.__setattr__(self, "moves", tuple(whole_number("moves", move) for move in self.moves))
        if self.smallest < SHORTEST_SPAN:
            raise ValueError(f"smallest: got {self.smallest}, expected a span of at least {SHORTEST_SPAN}")
        if self.largest < self.smallest:
            raise ValueError(f"largest: got {self.largest}, expected at least smallest = {self.smallest}")
        if self.stages is not None and self.stages < 1:
            raise ValueError(f"stages: got {self.stages}, expected at least 1 or None")
        if self.stages != 1 and not 0 <= self.moves[0] <= self.moves[1] > 0:
            raise ValueError(f"moves: got {self.moves}, expected two of at least 0, the second above 0 and the larger")

    def spans(self, stage: int) -> tuple[int, ...]:
        """The spans of a stage, ascending. Raises `ValueError` for a stage that does not exist."""
        if stage < 0 or (self.stages is not None and stage >= self.stages):
            known = "" if self.stages is None else f" and below {self.stages}"
            raise ValueError(f"stage: got {stage}, expected at least 0{known}")
        first, last = (
            span + stage * move for span, move in zip((self.smallest, self.largest), self.moves, strict=True)
        )
        return tuple(range(first, last + 1))

    def heads(self, stage: int) -> tuple[int, ...]:
        """The head that answers for each of `spans(stage)`."""
        spans = self.spans(stage)
        offset = spans[0] - self.smallest if self.own_heads else 0
        return tuple(range(offset, offset + len(spans)))

    def last(self, stage: int) -> bool:
        """Whether no stage follows this one."""
        return self.stages is not None and stage >= self.stages - 1


def single_head(first: int = SHORTEST_SPAN) -> Curriculum:
    """[N], then [N + 1], and so on, all answered by one head (official code: `single`)."""
    return Curriculum("single-head", first, first, moves=(1, 1))


def multi_head(first: int = SHORTEST_SPAN) -> Curriculum:
    """[2 .. N], then [2 .. N + 1], and so on, a head each; begins with 2 .. `first` (official code: `cumulative`)."""
    return Curriculum("multi-head", SHORTEST_SPAN, first, moves=(0, 1))


def sliding_window(width: int = 10, stride: int = 5, fresh_heads: bool = False) -> Curriculum:
    """`width` spans at once, from 2; each stage leaves the `stride` shortest behind and takes up as many longer ones.

    In the official code (`sliding`) a head belongs to a place in the window, so that after each move every head must
    learn another span; with `fresh_heads` each span keeps a head of its own.
    """
    name = "sliding window, fresh heads" if fresh_heads else "sliding window"
    return Curriculum(name, SHORTEST_SPAN, SHORTEST_SPAN + width - 1, moves=(stride, stride), own_heads=fresh_heads)


def from_scratch(span: int) -> Curriculum:
    """No curriculum: one span from the beginning (official code: `single_nocurr`)."""
    return Curriculum("from scratch", span, span, stages=1)


def all_at_once(largest: int) -> Curriculum:
    """No curriculum, but a head for each of 2 .. `largest` from the beginning (official code: `cumulative -ih`)."""
    return Curriculum("all at once", SHORTEST_SPAN, largest, stages=1)
