"""The kernel in which a chapter is executed: this very Python, whatever kernels are installed on this machine."""

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

from book.builder.job import RUNS, Job


def manager(job: Job, folder: Path, started: Callable[[Popen], None]) -> type:
    """A kernel manager for the job; records go to `folder/result/records`, `started` is told the kernel's process."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    command = [sys.executable, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    environment = {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(job.root), os.environ.get("PYTHONPATH")])),
        "IPYTHONDIR": str(folder / "ipython"),
        "OMP_NUM_THREADS": str(job.threads),
        "BRAINLIB_RECORDS": str(folder / "result" / "records"),
        "BRAINLIB_RUNS": os.path.abspath(os.environ.get("BRAINLIB_RUNS") or job.root / RUNS),
        "BRAINLIB_PROCESSES": str(job.threads),
        "BRAINLIB_PAGE": "1",
    }

    if data := os.environ.get("BRAINLIB_DATA"):
        environment["BRAINLIB_DATA"] = os.path.abspath(data)

    class Kernel(AsyncKernelManager):
        kernel_spec = KernelSpec(argv=command, language="python", env=environment)
        transport_encryption = "auto"

        async def _async_launch_kernel(self, *arguments, **words) -> None:
            await super()._async_launch_kernel(*arguments, **words)
            started(self.provisioner.process)

    return Kernel


def end_group(process: int) -> None:
    """Ends a kernel, which leads a process group of its own, and the processes of that group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process, signal.SIGKILL)
