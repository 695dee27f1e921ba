"""The book's sources: which pages and chapters there are, and whether a chapter is fit to be executed."""

import ast
import copy
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import yaml

from book.builder.failures import BuildError

INJECTED = "injected-parameters"
"""Papermill's tag."""

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
"""The metadata of every source notebook: what Jupyter, Colab and papermill need, and nothing of anyone's machine."""


@dataclass(frozen=True)
class Page:
    """One entry of the table of contents: its path without ending, and the title of the part that it belongs to."""

    file: str
    part: str = ""


def pages(root: Path) -> list[Page]:
    """All entries of `_toc.yml`, in reading order."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    return [Page(toc["root"]), *(page for part in toc["parts"] for page in _entries(part, part["caption"]))]


def _entries(entry: dict, part: str) -> Iterator[Page]:
    for child in entry.get("chapters", []) + entry.get("sections", []):
        yield Page(child["file"], part)
        yield from _entries(child, part)


def notebooks(root: Path) -> list[Path]:
    """Every notebook below `chapters/`, listed or not, relative to `root`."""
    found = sorted((root / "chapters").rglob("*.ipynb"))
    return [path.relative_to(root) for path in found if ".ipynb_checkpoints" not in path.parts]


def chapters(root: Path) -> list[Path]:
    """The notebooks of the book relative to `root`, in reading order, each one checked."""
    found = [path for page in pages(root) if (root / (path := Path(f"{page.file}.ipynb"))).is_file()]
    for path in notebooks(root):
        if path not in found:
            raise BuildError(f"{path}: not listed in _toc.yml")
    for path in found:
        parameters(root, path)
    return found


def below(root: Path, chapter: Path | None) -> Path | None:
    """The path of a chapter below `root`, in which the caller may stand or not."""
    if chapter is not None and chapter.is_absolute() and chapter.is_relative_to(root):
        return chapter.relative_to(root)
    return chapter


def check_stripped(root: Path, chapter: Path) -> None:
    """Raises `BuildError` that names chapter and cell if the file is not in the form that the repository keeps."""
    notebook = _read(root, chapter)
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code" and (cell.outputs or cell.execution_count is not None):
            raise BuildError(f"{chapter}, cell {number}: holds outputs; {_how_to_strip(chapter)}")
    if notebook != normalised(notebook):
        raise BuildError(f"{chapter}: its metadata is not in the book's form; {_how_to_strip(chapter)}")


def parameters(root: Path, chapter: Path) -> dict[str, object]:
    """The names and defaults in the chapter's one cell tagged `parameters`, which holds names set to literals only."""
    tagged = [cell for cell in _read(root, chapter).cells if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) != 1:
        raise BuildError(f"{chapter}: {len(tagged)} cells are tagged 'parameters', expected exactly one")
    try:
        statements = ast.parse(tagged[0].source).body
    except SyntaxError as error:
        raise BuildError(f"{chapter}: the cell tagged 'parameters' is not Python ({error})") from None
    values = {}
    for statement in statements:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                try:
                    values[name] = ast.literal_eval(value)
                except ValueError:
                    raise BuildError(f"{chapter}: the parameter {name!r} is not set to a literal") from None
            case _:
                line = ast.unparse(statement)
                raise BuildError(
                    f"{chapter}: the cell tagged 'parameters' holds {line!r}, expected only name = literal"
                )
    return values


def parametrised(notebook: nbformat.NotebookNode, parameters: dict[str, object]) -> nbformat.NotebookNode:
    """The notebook with these values in its parameters cell."""
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = "\n".join(f"{name} = {_literal(value)}" for name, value in parameters.items())
    return notebook


def with_one_parameters_cell(executed: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """What papermill executed, with the parameters cell that it injected in the place of the source's own."""
    tags = [cell.metadata.get("tags", []) for cell in executed.cells]
    if any(INJECTED in names for names in tags):
        executed.cells = [cell for cell, names in zip(executed.cells, tags, strict=True) if "parameters" not in names]
    for cell in executed.cells:
        if INJECTED in cell.metadata.get("tags", []):
            cell.metadata.tags = ["parameters"]
    return executed


def _literal(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def read(root: Path, chapter: Path) -> nbformat.NotebookNode:
    """The chapter's cells, without what a run left behind."""
    return normalised(_read(root, chapter))


def code(root: Path, chapter: Path) -> list[str]:
    """The text of every code cell."""
    return [cell.source for cell in read(root, chapter).cells if cell.cell_type == "code"]


def digest(root: Path, chapter: Path) -> str:
    """A hash of the cells: saving a chapter in Jupyter, with outputs or without, does not change it."""
    cells = [
        (cell.cell_type, cell.source, cell.metadata.get("tags", []), cell.get("attachments", {}))
        for cell in read(root, chapter).cells
    ]
    return hashlib.sha256(json.dumps(cells, sort_keys=True).encode()).hexdigest()


def normalised(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook without outputs, and with no more metadata than the book needs: the language and the cells' tags."""
    notebook = copy.deepcopy(notebook)
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def strip(root: Path, paths: Iterable[Path]) -> None:
    """Rewrites chapters in the form that the repository keeps; what is in that form already is not touched."""
    for chapter in paths:
        text = nbformat.writes(normalised(_read(root, chapter))) + "\n"
        if (root / chapter).read_text(encoding="utf-8") != text:
            (root / chapter).write_text(text, encoding="utf-8")


def _read(root: Path, chapter: Path) -> nbformat.NotebookNode:
    try:
        notebook = nbformat.reads((root / chapter).read_text(encoding="utf-8"), as_version=nbformat.NO_CONVERT)
        if notebook.nbformat != 4:
            raise ValueError(f"its nbformat is {notebook.nbformat}, expected 4")
        nbformat.validate(notebook)
    except (OSError, ValueError, AttributeError, nbformat.ValidationError) as error:
        raise BuildError(f"{chapter}: not a notebook ({error})") from error
    return notebook


def _how_to_strip(chapter: Path) -> str:
    return f"run: python -m book.builder --strip {chapter}"
