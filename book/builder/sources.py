"""The book's sources: which pages and chapters there are, and whether a chapter is fit to be executed."""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import yaml

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
"""The metadata of every source notebook: what Jupyter, Colab and papermill need, and nothing of anyone's machine."""


class BuildError(Exception):
    """What is wrong with the book, in a form meant for its authors."""


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


def chapters(root: Path) -> list[Path]:
    """The notebooks of the book relative to `root`, in reading order, each one checked."""
    found = [path for page in pages(root) if (root / (path := Path(f"{page.file}.ipynb"))).is_file()]
    listed = {root / path for path in found}
    for path in sorted((root / "chapters").rglob("*.ipynb")):
        if path not in listed and ".ipynb_checkpoints" not in path.parts:
            raise BuildError(f"{path.relative_to(root)}: not listed in _toc.yml")
    for path in found:
        check(root, path)
    return found


def check(root: Path, chapter: Path) -> None:
    """Raises `BuildError` that names the chapter and the cell if the source is not in the form that the book keeps."""
    notebook = _read(root, chapter)
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code" and (cell.outputs or cell.execution_count is not None):
            raise BuildError(f"{chapter}, cell {number}: holds outputs; {_how_to_strip(chapter)}")
    if notebook != normalised(notebook):
        raise BuildError(f"{chapter}: its metadata is not in the book's form; {_how_to_strip(chapter)}")
    parameters(root, chapter)


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


def source_of(root: Path, chapter: Path) -> list[str]:
    """The text of every cell."""
    return [cell.source for cell in _read(root, chapter).cells]


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


def strip(root: Path, chapter: Path) -> None:
    """Rewrites a chapter's source in the form that the book keeps."""
    notebook = normalised(_read(root, chapter))
    (root / chapter).write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


def _read(root: Path, chapter: Path) -> nbformat.NotebookNode:
    try:
        notebook = nbformat.reads((root / chapter).read_text(encoding="utf-8"), as_version=nbformat.NO_CONVERT)
        nbformat.validate(notebook)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        raise BuildError(f"{chapter}: not a notebook ({error})") from error
    return notebook


def _how_to_strip(chapter: Path) -> str:
    return f"run: python -m book.builder --strip {chapter}"
