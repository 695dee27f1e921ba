"""The two tasks: N-parity and N-delayed match-to-sample, drawn in batches, with the answers for many spans at once.

A sequence is a row of bits. A span N is how many bits back the answer reaches, the last bit counted: the parity of the
last N bits, or whether the bit N - 1 before the last is the same as the last. It is asked for once, after the last bit.
Definitions and lengths are the official code's.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int64
from torch import Tensor

Task = Literal["parity", "match"]
Rate = Literal["task"] | float | None
SHORTEST_SPAN = {"parity": 1, "match": 2}


def draw_bits(
    length: int, batch: int, generator: torch.Generator, rate: float | None = None, device: str | torch.device = "cpu"
) -> Float[Tensor, "time batch 1"]:
    """Random bits, `length` for each of `batch` sequences. `rate` is the chance of a 1; None: each sequence has its
    own, drawn from U(0, 1).

    They are drawn where the generator is and then moved, so that a generator on the CPU gives the same on any device.
    Raises `ValueError` for no bits and for a rate that is no chance.
    """
    for name, count in (("length", length), ("batch", batch)):
        if count < 1:
            raise ValueError(f"{name}: got {count}, expected at least 1")
    require_rate(rate)
    source = generator.device
    chance_of_one = torch.rand(batch, generator=generator, device=source) if rate is None else rate
    bits = torch.rand(length, batch, generator=generator, device=source) < chance_of_one
    return bits.float().unsqueeze(-1).to(device)


def answers(task: Task, bits: Float[Tensor, "time batch 1"], spans: Sequence[int]) -> Int64[Tensor, "spans batch"]:
    """The right answer, 0 or 1, for each of `spans`.

    - "parity": 1 if the last N bits hold an odd number of ones;
    - "match": 1 if the bit N - 1 steps before the last equals the last.

    Raises `ValueError` for an unknown task, no spans, spans too short to ask about (below 1, or 2 for "match") and
    sequences shorter than a span.
    """
    require_spans(task, spans, len(bits))
    newest_first = bits[len(bits) - max(spans) :, :, 0].flip(0)
    places = torch.tensor(spans, device=bits.device) - 1
    if task == "parity":
        return newest_first.cumsum(0, dtype=torch.float32)[places].long() % 2  # bfloat16 counts no further than 256
    return (newest_first[places] == newest_first[0]).long()


def draw(
    task: Task,
    spans: Sequence[int],
    batch: int,
    generator: torch.Generator,
    rate: Rate = "task",
    length: int | None = None,
    device: str | torch.device = "cpu",
) -> tuple[Float[Tensor, "time batch 1"], Int64[Tensor, "spans batch"]]:
    """A batch of sequences of one length, and the right answers for each of `spans`.

    `length` None draws it uniformly from N + 2 to 4 N + 1, with N the largest span. `rate` "task" is what the official
    code trains on: parity on a rate of its own for each sequence, match on 0.5; otherwise as in `draw_bits`.
    Raises `ValueError` as `draw_bits` and `answers` do.
    """
    require_spans(task, spans, length)
    if length is None:
        largest = max(spans)
        length = int(torch.randint(largest + 2, 4 * largest + 2, (), generator=generator, device=generator.device))
    bits = draw_bits(length, batch, generator, rate_of(task, rate), device)
    return bits, answers(task, bits, spans)


def chance(task: Task, span: int, rate: Rate = "task") -> float:
    """The share of right answers of one who always gives the commoner answer; `rate` as in `draw`.

    With ones at rate p, N bits are even with probability (1 + (1 - 2p)^N) / 2; over p ~ U(0, 1) that is
    1/2 + 1/(2(N + 1)) for even N, and 1/2 for odd. Two bits match with probability p^2 + (1 - p)^2, over p 2/3.
    Raises `ValueError` for an unknown task, too short a span and a rate that is no chance.
    """
    require_spans(task, [span], None)
    p = rate_of(task, rate)
    require_rate(p)
    if task == "match":
        likely = 2 / 3 if p is None else p**2 + (1 - p) ** 2
    elif p is None:
        likely = 1 / 2 if span % 2 else 1 / 2 + 1 / (2 * (span + 1))
    else:
        likely = (1 + (1 - 2 * p) ** span) / 2
    return max(likely, 1 - likely)


def rate_of(task: Task, rate: Rate) -> float | None:
    """The `rate` for `draw_bits`: the task's own for "task"."""
    return {"parity": None, "match": 0.5}[task] if rate == "task" else rate


def require_rate(rate: float | str | None) -> None:
    if isinstance(rate, str) or (rate is not None and not 0 <= rate <= 1):
        raise ValueError(f"rate: got {rate!r}, expected a chance from 0 to 1, or None for one of each sequence's own")


def require_spans(task: str, spans: Sequence[int], length: int | None) -> None:
    if task not in get_args(Task):
        raise ValueError(f"task: got {task!r}, expected one of {', '.join(get_args(Task))}")
    shortest = SHORTEST_SPAN[task]
    if not spans or min(spans) < shortest:
        raise ValueError(f"spans: got {list(spans)}, expected some of at least {shortest} for {task}")
    if length is not None and length < max(spans):
        raise ValueError(f"length: got sequences of {length} bits, expected at least the largest span, {max(spans)}")
