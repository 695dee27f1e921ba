"""Recorded pages: the outputs of a chapter that was executed elsewhere, for readers who cannot have its data.

`chapters/<part>/records/pages/<stem>.json` holds, for each code cell in order, a hash of its source and its outputs,
besides parameters and provenance. A page is drawn from it only if every code cell is still the one that was recorded.
"""

import ast
import hashlib
import json
import re
from pathlib import Path

import nbformat

from book.builder import first_cell, sources
from book.builder.failures import BuildError
from brainlib.ledger import PROFILES

WIDGET = "application/vnd.jupyter.widget-view+json"
_MACHINE = re.compile(r"(?:/home|/Users|/root|/tmp|/work|/mnt|/private|/var/folders)/[^\s\"'<)]+")


def place(chapter: Path) -> Path:
    """Where a chapter's recorded page lies."""
    return chapter.parent / "records" / "pages" / f"{chapter.stem}.json"


def write(root: Path, chapter: Path, executed: Path) -> Path:
    """Records an executed notebook, of the builder or of papermill, with the ledger's `records/` beside it.

    Raises `BuildError` if its cells are not those of the chapter, if the ledger recorded nothing (its records say where
    and when the run was made), or if an output holds a path of that machine.
    """
    cells = [cell for cell in _executed(executed).cells if cell.cell_type == "code"]
    values: dict[str, object] = {}
    for cell in cells:
        if {"parameters", sources.INJECTED} & set(cell.metadata.get("tags", [])):
            values |= {line.targets[0].id: ast.literal_eval(line.value) for line in ast.parse(cell.source).body}
    cells = [cell for cell in cells if sources.INJECTED not in cell.metadata.get("tags", [])]
    present = _code(root, chapter)
    if [_identity(cell) for cell in cells] != [_identity(cell) for cell in present]:
        raise BuildError(f"{executed}: its code cells are not those of {chapter}")
    page = {
        "chapter": chapter.as_posix(),
        "parameters": values,
        "provenance": _provenance(executed.parent / "records"),
        "cells": [
            {"hash": _identity(cell), "outputs": _outputs(cell, f"{executed}, code cell {number}")}
            for number, cell in enumerate(cells)
        ],
    }
    path = root / place(chapter)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(page, indent=0, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
    return path


def read(root: Path, chapter: Path) -> dict | None:
    """The recorded page, or None if there is none; raises `BuildError` if it is of other code than the chapter's."""
    path = root / place(chapter)
    if not path.is_file():
        return None
    try:
        page = json.loads(path.read_text(encoding="utf-8"))
        hashes, profile = [cell["hash"] for cell in page["cells"]], page["parameters"]["profile"]
    except (ValueError, KeyError, TypeError) as error:
        raise BuildError(f"{place(chapter)}: not a recorded page ({error})") from None
    if profile not in PROFILES or hashes != [_identity(cell) for cell in _code(root, chapter)]:
        again = f"python -m book.builder --profile {profile} --record {chapter}"
        raise BuildError(f"{place(chapter)}: its code is not the chapter's; record it again: {again}")
    return page


def draw(root: Path, chapter: Path, page: dict) -> nbformat.NotebookNode:
    """The chapter's text with the recorded outputs; the page's top and each figure say that they are recorded."""
    notebook = sources.parametrised(sources.read(root, chapter), page["parameters"])
    kept = iter(page["cells"])
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [nbformat.from_dict(_noted(output, page)) for output in next(kept)["outputs"]]
    title = next(cell for cell in notebook.cells if cell.cell_type == "markdown")
    head, _, rest = title.source.partition("\n")
    title.source = f"{head}\n\n{_box(page)}\n{rest}"
    return notebook


def when(page: dict) -> str:
    """The run that was recorded, in a few words."""
    return f"recorded at the {page['parameters']['profile']} profile on {page['provenance']['time'][:10]}"


def _box(page: dict) -> str:
    facts = page["provenance"]
    return (
        ":::{admonition} Recorded, not computed by this build\n:class: warning\n"
        "The data of this chapter were not at hand when the book was built, so nothing below was computed then. All "
        f"numbers and figures were {when(page)} ({facts['device_name']}, threads: {facts['threads']}, Python "
        f"{facts['python']}, torch {facts['torch']}, revision {facts['revision']}), with the code shown here.\n:::\n"
    )


def _noted(output: dict, page: dict) -> dict:
    html = output.get("data", {}).get("text/html")
    if html is None:
        return output
    note = f' <span class="recorded">Not computed by this build: {when(page)}.</span></figcaption>'
    return {**output, "data": {**output["data"], "text/html": html.replace("</figcaption>", note)}}


def _outputs(cell, where: str) -> list[dict]:
    """A cell's outputs, as small as the page allows: no widgets, no standard error, no plain text beside HTML."""
    outputs = []
    for output in cell.outputs:
        if (output.output_type == "stream" and output.name == "stderr") or WIDGET in output.get("data", {}):
            continue
        output = {**output, "metadata": {}} if "metadata" in output else {**output}
        if "execution_count" in output:
            output["execution_count"] = None
        if "text/html" in output.get("data", {}):
            output["data"] = {kind: data for kind, data in output["data"].items() if kind != "text/plain"}
        if found := _MACHINE.search(json.dumps(output.get("data", output.get("text")), ensure_ascii=False)):
            raise BuildError(f"{where}: an output holds {found.group()!r}, a path of the machine that made it")
        outputs.append(output)
    return outputs


def _provenance(records: Path) -> dict:
    read = (json.loads(path.read_text(encoding="utf-8")) for path in sorted(records.glob("*.json")))
    found = [record["provenance"] for record in read]
    if not found:
        raise BuildError(f"{records}: no records of the ledger, which would say where and when the run was made")
    return max(found, key=lambda facts: facts["time"])


def _executed(path: Path) -> nbformat.NotebookNode:
    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        raise BuildError(f"{path}: not an executed notebook ({error})") from None


def _code(root: Path, chapter: Path) -> list:
    return [cell for cell in sources.read(root, chapter).cells if cell.cell_type == "code"]


def _identity(cell) -> str:
    """A hash of a cell's source; parameters are recorded themselves, and where the book lies changes no output."""
    free = "parameters" in cell.metadata.get("tags", []) or cell.get("id") == first_cell.IDENTITY
    source = "" if free else cell.source
    return hashlib.sha256(source.encode()).hexdigest()[:16]
