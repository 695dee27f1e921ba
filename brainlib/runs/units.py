"""The unit of work: one condition and one seed of one experiment."""

import contextlib
import platform
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from brainlib import backend
from brainlib.runs import code, store


@dataclass(frozen=True)
class Unit:
    """`function(settings, seed, device=..., folder=...)`, and the facts on which its result depends."""

    function: Callable[..., Any]
    name: str
    settings: Any
    seed: int
    device: str
    facts: dict[str, Any]

    @classmethod
    def planned(cls, function: Callable, name: str, settings: Any, seed: int, device: str, machine: dict) -> "Unit":
        """The unit on a machine of these facts; raises `ValueError` for settings that are not plain."""
        facts = machine | {
            "function": f"{function.__module__}.{function.__qualname__}",
            "settings": store.plain(f"conditions[{name!r}]", settings),
            "seed": seed,
        }
        return cls(function, name, settings, seed, device, facts)

    @property
    def words(self) -> str:
        return f"{self.name}, seed {self.seed}"

    @property
    def path(self) -> Path:
        """Where the result is kept."""
        return store.home() / f"{store.key(self.facts)}.npz"

    def run(self) -> tuple[Any, dict[str, np.ndarray]]:
        """Computes the result, or reads it; packed as `store.pack` does. Errors name the condition and the seed."""
        if not self.facts["fresh"]:
            return self._computed(None)
        with store.working(self.path) as work:
            known = store.read(self.path)  # another process may have been first
            if known is not None:
                return store.pack(known)
            began = time.monotonic()
            packed = self._computed(work)
            if work is None:
                return packed
            if machine(self.function, self.device).items() <= self.facts.items():
                self.keep(packed, seconds=time.monotonic() - began)
            else:  # the code was changed in mid-run
                shutil.rmtree(work, ignore_errors=True)
            return packed

    def keep(self, packed: tuple[Any, dict[str, np.ndarray]], **measured: float) -> None:
        """Writes a packed result with its provenance where results are kept, if that can be written."""
        provenance = backend.provenance(backend.resolve_device(self.device))
        with contextlib.suppress(OSError):
            store.write(self.path, packed, self.facts | measured | {"provenance": provenance})
            store.forget_old()

    def _computed(self, work: Path | None) -> tuple[Any, dict[str, np.ndarray]]:
        try:
            return store.pack(self.function(self.settings, self.seed, device=self.device, folder=work))
        except Exception as error:
            error.add_note(f"in the run of {self.words}")
            raise


def machine(function: Callable, device: str) -> dict[str, Any]:
    """What a result depends on beside its settings: code, versions and the kind of device."""
    digest, fresh = code.digest(function)
    resolved = backend.resolve_device(device)
    return {
        "code": digest,
        "fresh": fresh,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "device": "cpu" if resolved.type == "cpu" else backend.device_name(resolved),
    }
