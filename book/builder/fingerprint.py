"""What a chapter's result depends on, and the hash of it, under which the result is cached.

Jupyter Book's own cache cannot see brainlib and would keep stale numbers. A chapter depends on its cells and its
parameters, on the halls of brainlib and its own part of it, on the records, code, tables and weights beside it, and on
the machine's facts: Python, installed versions, kind of device. Another part counts if the chapter's code names it.
Recorded pages do not count: no chapter reads them.
"""

import hashlib
import importlib.metadata
import json
import platform
import re
from pathlib import Path

from book.builder import sources

BUILDER = [Path(__file__).with_name(name) for name in ("kernel.py", "worker.py")]  # what executes
READ = {".js", ".py", ".safetensors", ".toml"}  # of the files beside a chapter


def facts(root: Path, device: str) -> dict[str, str]:
    """Python, the versions of what requirements.txt names, and the kind of device: "cpu" or what the GPU calls itself.

    Raises `ValueError` if this machine has no such device.
    """
    from brainlib import backend

    resolved = backend.resolve_device(device)
    installed = {_normal(found.name): found.version for found in importlib.metadata.distributions()}
    pins = re.findall(r"^[\w.-]+", (root / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    return {
        "the Python": f"{platform.python_implementation()} {platform.python_version()} {platform.machine()}",
        "the device": "cpu" if resolved.type == "cpu" else backend.device_name(resolved),
    } | {f"the version of {name}": installed.get(_normal(name), "not installed") for name in pins}


def files(root: Path, chapter: Path) -> dict[str, str]:
    """A hash for each file that the chapter depends on, by its path below `root`; the chapter's own is of its cells."""
    beside = root / chapter.parent
    modules = sorted(beside.glob("*.py"))
    code = "\n".join([*sources.code(root, chapter), *(path.read_text(encoding="utf-8") for path in modules)])
    foreign = _parts(root) - {chapter.parent.name} - set(re.findall(r"\w+", code))
    library = [path for path in (root / "brainlib").rglob("*") if path.relative_to(root).parts[1] not in foreign]
    kept = [path for path in (beside / "records").rglob("*") if (beside / "records" / "pages") not in path.parents]
    others = [path for path in beside.iterdir() if path.suffix in READ]
    found = [path for path in (*library, *kept, *others) if path.is_file()]
    hashes = {path.relative_to(root).as_posix(): _hash(path) for path in found if not _aside(path.relative_to(root))}
    builder = {f"book/builder/{path.name}": _hash(path) for path in BUILDER}
    return hashes | builder | {chapter.as_posix(): sources.digest(root, chapter)}


def stamps(root: Path, names: dict[str, str]) -> dict[str, int]:
    """When each of these files was last changed; notebooks are left out, because Jupyter saves them unasked."""
    paths = {name: root / name for name in names if not name.endswith(".ipynb")}
    return {name: path.stat().st_ctime_ns for name, path in paths.items() if path.is_file()}


def changed(before: dict, after: dict) -> str | None:
    """The first name whose value differs or that only one of the two has."""
    return next((name for name in sorted(before | after) if before.get(name) != after.get(name)), None)


def digest(*parts: object) -> str:
    """A hash of plain JSON."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


def _parts(root: Path) -> set[str]:
    """The parts of the book that have a package of their own in brainlib."""
    folders = (path for path in (root / "chapters").iterdir() if path.is_dir())
    return {path.name for path in folders if (root / "brainlib" / path.name).is_dir()}


def _aside(path: Path) -> bool:
    """What neither Python nor a chapter reads: compiled files, editors' hidden files, texts about the code."""
    return path.suffix == ".md" or any(part == "__pycache__" or part.startswith(".") for part in path.parts)


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
