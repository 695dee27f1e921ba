"""One way to say that something is refused."""

from collections.abc import Callable
from typing import Any

import pytest


def refused(message: str, call: Callable[..., Any], *given: Any, error: Any = ValueError, **named: Any) -> None:
    """The call raises an error whose text holds `message`, a regular expression."""
    with pytest.raises(error, match=message):
        call(*given, **named)
