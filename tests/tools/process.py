"""A program in a Python process of its own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def told(program: str, folder: Path = ROOT, **environment: str) -> str:
    """What `program` prints, started in a folder; any warning is an error."""
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=os.environ | environment)
    assert done.returncode == 0, done.stderr
    return done.stdout
