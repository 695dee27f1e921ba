"""Which device runs a computation, and what a reader needs to know to run it again."""

import ctypes
import datetime
import functools
import platform
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy
import torch

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_ALONE = threading.Lock()


def resolve_device(name: str = "auto") -> torch.device:
    """The device called `name`; "auto" is a CUDA GPU if there is one, else the CPU.

    Raises `ValueError` if the device is unknown or this machine does not have it.

    >>> resolve_device("cpu")
    device(type='cpu')
    """
    if name == "auto":
        name = "cuda:0" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"device: got {name!r}, expected 'auto', 'cpu', 'cuda' or 'cuda:N'") from error
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"device: got {name!r}, expected 'auto', 'cpu', 'cuda' or 'cuda:N'")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"device: got {name!r}, but this machine has {torch.cuda.device_count()} CUDA devices")
    return device


@contextmanager
def torch_threads() -> Iterator[int]:
    """Within it numba runs as many threads as torch does; their number. Afterwards torch has its own number again.

    numba may share torch's thread pool, and would leave it at another number. Every kernel compiled by numba to run in
    parallel is called so; one at a time where numba has no pool but its own, which ends the process otherwise.

    >>> with torch_threads() as threads:
    ...     threads >= 1
    True
    """
    import numba

    threads = torch.get_num_threads()
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]
    with _ALONE if numba.threading_layer() == "workqueue" else nullcontext():
        yield numba.get_num_threads()
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)


def product_dtype(tensor: torch.Tensor) -> torch.dtype:
    """The dtype that matrix products with `tensor` have here: autocast's where it is on.

    >>> with torch.autocast("cpu", torch.bfloat16):
    ...     product_dtype(torch.ones(2))
    torch.bfloat16
    """
    device = tensor.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else tensor.dtype


def keep_freed_memory() -> None:
    """Lets this process keep freed memory for its next tensors (glibc only, nothing happens elsewhere).

    A training step on the CPU allocates and frees the same large tensors again and again. By default each goes back to
    the system and costs a page fault for every 4 KB when it returns: a fifth of the time of a BDH step.

    >>> keep_freed_memory()
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    mallopt(_TRIM_THRESHOLD, 512 * 2**20)
    mallopt(_MMAP_THRESHOLD, 32 * 2**20)  # glibc's largest


def provenance(device: str | torch.device = "cpu") -> dict[str, str | int]:
    """Where a result was made: device, threads, versions, git revision ("unknown" outside a checkout) and UTC time.

    >>> provenance()["device"]
    'cpu'
    """
    device = torch.device(device)
    return {
        "device": device.type,
        "device_name": device_name(device),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "revision": _git_revision(),
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def device_name(device: torch.device) -> str:
    """What the device calls itself, such as "NVIDIA H100 80GB HBM3".

    >>> bool(device_name(torch.device("cpu")))
    True
    """
    return torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()


@functools.cache
def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


@functools.cache
def _git_revision() -> str:
    folder = Path(__file__).parent
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
            cwd=folder, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()
