"""An executed chapter as a page: with pictures and numbers of its figures, and how long it takes to read."""

import re
from collections.abc import Iterator
from pathlib import Path

import nbformat

from book.builder import first_cell, glossary, recorded, stills
from book.builder.failures import BuildError

FIGURE = re.compile(r'<figure class="brainlib"[^>]* id="([^"]+)".*?<figcaption>', re.DOTALL)
REFERENCE = re.compile(r"\[Figure\]\(#([a-z0-9-]+)\)")
WORDS_A_MINUTE = 200  # of technical prose


def outputs(notebook: nbformat.NotebookNode) -> Iterator[dict]:
    """Outputs that are HTML."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "text/html" in output.get("data", {}):
                yield output["data"]


def write(notebook: nbformat.NotebookNode, page: Path, pictures: dict[str, str], terms: dict[str, str]) -> None:
    """Writes the notebook as the source of a page; `pictures` are those of its figures, `terms` those to be linked."""
    numbers: dict[str, int] = {}
    used: set[str] = set()
    minutes = round(words(notebook) / WORDS_A_MINUTE)
    for cell in notebook.cells:
        if cell.cell_type == "code":  # progress bars are widgets, which are dead in a page
            cell.outputs = [output for output in cell.outputs if recorded.WIDGET not in output.get("data", {})]
        cell.metadata = nbformat.from_dict({"tags": cell.metadata.get("tags", [])})
    for data in outputs(notebook):
        data["text/html"] = numbered(stills.inserted(data["text/html"], pictures), numbers)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = glossary.linked(referred(cell.source, numbers, page), terms, used)
    title = next(cell for cell in notebook.cells if cell.cell_type == "markdown")
    head, _, rest = title.source.partition("\n")
    title.source = f'{head}\n\n<p class="reading-time">{minutes} minutes to read</p>\n{rest}'
    notebook.metadata.pop("widgets", None)
    first_cell.pin(notebook)
    nbformat.write(notebook, page)


def words(notebook: nbformat.NotebookNode) -> int:
    """Of the text and of the captions."""
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    for data in outputs(notebook):
        texts += re.findall(r"<figcaption>(.*?)</figcaption>", data["text/html"], re.DOTALL)
    return sum(len(text.split()) for text in texts)


def numbered(html: str, numbers: dict[str, int]) -> str:
    """A piece of HTML with numbers before the captions of its figures, which are put into `numbers` by name."""

    def number(found: re.Match) -> str:
        place = numbers.setdefault(found.group(1), len(numbers) + 1)
        return f"{found.group()}<strong>Figure {place}.</strong> "

    return FIGURE.sub(number, html)


def referred(text: str, numbers: dict[str, int], page: Path) -> str:
    """Markdown with the numbers of the figures that it refers to as `[Figure](#name)`.

    Raises `BuildError` for a figure that the page does not have.
    """

    def reference(found: re.Match) -> str:
        name = found.group(1)
        if name not in numbers:
            raise BuildError(f"{page.name}: refers to a figure {name!r}, which is not on its page")
        return f'<a href="#{name}">Figure {numbers[name]}</a>'

    return REFERENCE.sub(reference, text)
