"""Training or evaluating for a while."""

import contextlib
from collections.abc import Iterator

from torch import nn


@contextlib.contextmanager
def mode(model: nn.Module, training: bool) -> Iterator[None]:
    """Within it, all modules of `model` are in one mode; afterwards each is again in the mode that it was in."""
    before = {module: module.training for module in model.modules()}
    model.train(training)
    try:
        yield
    finally:
        for module, was in before.items():
            module.training = was
