"""Exercises in a notebook: says whether an answer is right."""

from collections.abc import Callable
from types import FunctionType


def check(right: Callable[..., object], *answers: object, hint: str) -> None:
    """Prints whether the answers are right, which is what `right(*answers)` says, or else the hint.

    An answer is a value, or a function without arguments that gives one. `...` and None are not filled in yet. Whatever
    an answer or its comparison raises is told in the same line.

    >>> check(lambda tau: abs(1 - 1 / tau - 0.75) < 0.01, 4.0, hint="What is kept of a state is 1 - 1 / tau.")
    Right.
    >>> check(lambda tau: abs(1 - 1 / tau - 0.75) < 0.01, 0.75, hint="What is kept of a state is 1 - 1 / tau.")
    Not yet. What is kept of a state is 1 - 1 / tau.
    >>> check(lambda tau: abs(1 - 1 / tau - 0.75) < 0.01, ..., hint="What is kept of a state is 1 - 1 / tau.")
    Not filled in yet.
    """
    try:
        given = [answer() if isinstance(answer, FunctionType) else answer for answer in answers]
        if any(one is None or one is ... for one in given):
            print("Not filled in yet.")
        else:
            print("Right." if right(*given) else f"Not yet. {hint}")
    except Exception as error:
        print(f"Not yet. {hint} ({type(error).__name__}: {error})")
