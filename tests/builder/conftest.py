"""A small book in a temporary folder: one page, one chapter, claims, and a brainlib of one number or the real one."""

import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from book.builder.sources import METADATA

REPOSITORY = Path(__file__).parents[2]
CHAPTER = Path("chapters/part/01_first.ipynb")
PARAMETERS = 'profile = "ci"\nseed = 0\ndevice = "auto"'
CLAIM = """
[{}]
statement = "One is & stays < two."
source = "Sec. 1"
paper = "yes"
measure = "one"
holds = {{ below = 9 }}
"""


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
def with_brainlib(root) -> Path:
    """The root of the small book, with the real brainlib."""
    shutil.rmtree(root / "brainlib")
    shutil.copytree(REPOSITORY / "brainlib", root / "brainlib", ignore=shutil.ignore_patterns("__pycache__"))
    return root


@pytest.fixture
def claims(root) -> Callable[..., Path]:
    """Writes claims of these names for a part, and gives its folder."""

    def write(*names: str, part: str = "part") -> Path:
        folder = root / "chapters" / part
        folder.mkdir()
        (folder / "claims.toml").write_text("".join(map(CLAIM.format, names)))
        return folder

    return write


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
