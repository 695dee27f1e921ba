"""One way to say that brainlib refuses something."""

from collections.abc import Callable
from typing import Any

import pytest


def refused(message: str, call: Callable[..., Any], *given: Any, **named: Any) -> None:
    """The call raises a `ValueError` that begins with, or holds, what `message` (a regular expression) says."""
    with pytest.raises(ValueError, match=message):
        call(*given, **named)
