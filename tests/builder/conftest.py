"""A small book in a temporary folder: one page, one chapter, and a brainlib of one number."""

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from book.builder.sources import METADATA

CHAPTER = Path("chapters/part/01_first.ipynb")
PARAMETERS = 'profile = "ci"\nseed = 0\ndevice = "auto"'


@pytest.fixture
def root(tmp_path) -> Path:
    """The root of the small book, without a chapter yet."""
    (tmp_path / "_toc.yml").write_text(
        "format: jb-book\nroot: book/welcome\nparts:\n- caption: First part\n  chapters:\n"
        "  - file: chapters/part/01_first\n  - file: book/scoreboard\n"
    )
    (tmp_path / "requirements.txt").write_text("torch==2.13.0\n")
    (tmp_path / "brainlib").mkdir()
    (tmp_path / "chapters").mkdir()
    (tmp_path / "brainlib" / "__init__.py").write_text("VALUE = 1\n")
    return tmp_path


@pytest.fixture
def write(root) -> Callable[..., Path]:
    """Writes the chapter from the sources of its code cells; the parameters come first unless told otherwise."""

    def write(*sources: str, parameters: str | None = PARAMETERS, chapter: Path = CHAPTER) -> Path:
        cells = [new_markdown_cell("# First chapter")]
        if parameters is not None:
            cells.append(new_code_cell(parameters, metadata={"tags": ["parameters"]}))
        notebook = new_notebook(cells=cells + [new_code_cell(source) for source in sources], metadata=METADATA)
        for number, cell in enumerate(notebook.cells):
            cell.id = f"cell-{number}"
        (root / chapter).parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, root / chapter)
        return chapter

    return write
