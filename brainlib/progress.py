"""A bar that tells how far a long computation is."""

from typing import Any


def progress_bar(name: str, unit: str, total: int, done: int = 0, *, shown: bool = True, leave: bool = False) -> Any:
    """A tqdm bar, to be used as a context, which stays when it is full if `leave`.

    TQDM_DISABLE=1 in the environment hides it everywhere.
    """
    from tqdm.auto import tqdm  # in a notebook it loads ipywidgets

    hidden = {} if shown else {"disable": True}  # unset, so that the environment can speak
    return tqdm(desc=name, unit=unit, total=total, initial=done, mininterval=0.5, leave=leave, **hidden)
