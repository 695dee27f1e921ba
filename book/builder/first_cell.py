"""The first cell of every chapter: it finds the book around the notebook, and fetches it for a notebook that is alone.

`python -m book.builder.first_cell` writes it into every chapter. The pages leave it out; the repository's address in it
is that of `_config.yml`.
"""

import re
from pathlib import Path

import nbformat
import yaml

from book.builder import sources
from brainlib import backend

IDENTITY, TAG = "first-cell", "remove-cell"
REVISION = re.compile(r'^(part, address, revision = ".+", ".+"), ".+"$', re.MULTILINE)  # beside an address
SOURCE = """\
# Finds the book around this notebook; where it is alone (in Colab), fetches the book.
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

part, address, revision = "{part}", "{address}", "{revision}"
clone = Path("brainlib-book").absolute()
library = getattr(find_spec("brainlib"), "origin", None)
homes = [*clone.parents, clone]
if library:
    homes.append(Path(library).parents[1])
home = next((h for h in homes if (h / part / "claims.toml").is_file()), clone)
if not (home / part).is_dir():
    if not address:
        raise FileNotFoundError(
            f"This notebook needs the book around it: open it in {{part}} of the book."
        )
    subprocess.run(["git", "clone", "--quiet", address, clone], check=True)
    subprocess.run(["git", "-C", clone, "checkout", "--quiet", revision], check=True)
    if not library:
        pip = [sys.executable, "-m", "pip", "install", "-q", f"{{clone}}[notebook]"]
        subprocess.run(pip, check=True)
os.chdir(home / part)
sys.path.insert(0, str(home))"""


def source(part: str, address: str, revision: str) -> str:
    """The text of the cell for a chapter of `part`, such as "chapters/bdh"."""
    return SOURCE.format(part=part, address=address, revision=revision)


def cell(root: Path, chapter: Path) -> nbformat.NotebookNode:
    """The cell of a chapter, with the address and the branch of the configuration."""
    repository = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))["repository"]
    text = source(chapter.parent.as_posix(), repository["url"], repository["branch"])
    return nbformat.v4.new_code_cell(text, id=IDENTITY, metadata={"tags": [TAG]})


def pin(notebook: nbformat.NotebookNode) -> None:
    """Makes the cell of a page's notebook fetch the revision that the page is made at, where that is a commit."""
    revision = str(backend.provenance()["revision"])
    for cell in notebook.cells:
        if cell.get("id") == IDENTITY and re.fullmatch("[0-9a-f]+", revision):
            cell.source = REVISION.sub(rf'\1, "{revision}"', cell.source)


def write(root: Path, chapter: Path) -> None:
    """Puts the cell at the chapter's beginning, in place of an older one."""
    notebook = nbformat.read(root / chapter, as_version=nbformat.NO_CONVERT)
    notebook.cells = [cell(root, chapter), *(other for other in notebook.cells if other.id != IDENTITY)]
    (root / chapter).write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


if __name__ == "__main__":
    root = Path(__file__).parents[2]
    for chapter in sources.chapters(root):
        write(root, chapter)
