"""The package as it is published, and a notebook alone in a folder, which fetches the book or says what to do."""

import email
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import nbformat
import pytest
import yaml

from book.builder import first_cell, sources

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(*folder.glob("*.whl")) as opened:
        yield opened


@pytest.fixture(scope="module")
def metadata(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return email.message_from_bytes(wheel.read(name))


def test_types_data_and_licence_are_in_it(wheel):
    names = set(wheel.namelist())
    assert "brainlib/py.typed" in names
    folders = (ROOT / "brainlib" / folder for folder in ("data/files", "bdh/pretrained/hatchling"))
    shipped = {path.relative_to(ROOT).as_posix() for folder in folders for path in folder.iterdir()}
    assert shipped <= names and any(name.endswith("/licenses/LICENSE") for name in names)
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"brainlib"}
    assert sum(wheel.getinfo(name).compress_size for name in names) < 5_000_000


def test_who_looks_for_it_finds_what_it_is(metadata):
    assert metadata["Author"] and metadata["Summary"] and metadata["License-Expression"] == "Apache-2.0"
    assert "Typing :: Typed" in metadata.get_all("Classifier")
    address = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"].rstrip("/")
    known = [line.partition(", ")[2].rstrip("/") for line in metadata.get_all("Project-URL", [])]
    assert address in known if address else not known, "project.urls in pyproject.toml: that of _config.yml"


def test_its_page_stands_alone(metadata):
    text = metadata.get_payload()
    targets = re.findall(r"\]\(([^)]*)\)|src=\"([^\"]*)\"", text)
    assert metadata["Description-Content-Type"] == "text/markdown" and text.startswith("# brainlib")
    assert all("".join(target).startswith("https://") for target in targets)


def test_its_page_names_every_extra(metadata):
    listed = set(re.findall(r"^\| `(\w+)` \|", metadata.get_payload(), re.MULTILINE))
    assert listed == set(metadata.get_all("Provides-Extra"))


CHAPTERS = sources.chapters(ROOT)
LIGHT = Path("chapters/bdh/02_from_graph_to_tensor.ipynb")


@pytest.mark.parametrize("chapter", CHAPTERS, ids=str)
def test_every_chapter_begins_with_the_cell_that_finds_the_book(chapter):
    notebook = nbformat.read(ROOT / chapter, as_version=nbformat.NO_CONVERT)
    assert notebook.cells[0] == first_cell.cell(ROOT, chapter), "run: make strip"
    assert [cell.id for cell in notebook.cells].count(first_cell.IDENTITY) == 1


@pytest.fixture
def library(tmp_path):
    """brainlib as it is in a wheel, without chapters beside it."""
    folder = tmp_path / "installed"
    shutil.copytree(ROOT / "brainlib", folder / "brainlib", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def run(cell: str, folder: Path, *then: str, path: str = "") -> subprocess.CompletedProcess:
    """Runs the cell in a folder, and lines after it."""
    code = "\n".join([cell, "print(os.getcwd())", *then])
    command = [sys.executable, "-S", "-c", code]  # without site-packages, and so without brainlib
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=os.environ | {"PYTHONPATH": path})


def test_alone_without_an_address_it_says_what_to_do(tmp_path, library):
    alone = tmp_path / "alone"
    alone.mkdir()
    for path in ("", str(library)):
        done = run(first_cell.source("chapters/bdh", "", "main"), alone, path=path)
        sentence = "This notebook needs the book around it: open it in chapters/bdh of the book."
        assert done.returncode and done.stderr.splitlines()[-1] == f"FileNotFoundError: {sentence}"
    assert list(alone.iterdir()) == []


@pytest.mark.parametrize("place", ["chapters/bdh", "chapters/bdh/notes", ".", "chapters"])
def test_within_the_book_it_goes_to_its_part(tmp_path, place):
    (tmp_path / "chapters" / "bdh" / "notes").mkdir(parents=True)
    (tmp_path / "chapters" / "bdh" / "claims.toml").touch()
    done = run(first_cell.source("chapters/bdh", "", "main"), tmp_path / place, "print(sys.path[0])")
    assert done.stdout.split() == [str(tmp_path / "chapters" / "bdh"), str(tmp_path)]


def test_elsewhere_it_goes_to_the_book_whose_library_is_installed(tmp_path):
    done = run(first_cell.source("chapters/bdh", "", "main"), tmp_path, path=str(ROOT))
    assert done.stdout.split() == [str(ROOT / "chapters" / "bdh")]


@pytest.mark.parametrize(
    ("revision", "pinned"), [("0123456789ab", True), ("0123456789ab-dirty", False), ("unknown", False)]
)
def test_the_notebook_of_a_page_fetches_the_revision_of_the_page(monkeypatch, revision, pinned):
    monkeypatch.setattr("brainlib.backend.provenance", lambda: {"revision": revision})
    for address in ("", "https://git.example/us/book"):
        source = first_cell.source("chapters/bdh", address, "main")
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source, id=first_cell.IDENTITY)])
        first_cell.pin(notebook)
        expected = first_cell.source("chapters/bdh", address, revision if pinned and address else "main")
        assert notebook.cells[0].source == expected


@pytest.fixture
def published(tmp_path) -> tuple[str, str]:
    """The address of a repository with this very tree, and a revision that is not its newest."""
    folder = tmp_path / "published"
    for name in ("brainlib", "chapters"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for name in ("pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, folder)

    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "--quiet", "--initial-branch=main")
    git("add", "--all")
    git("commit", "--quiet", "-m", "the page's revision")
    revision = git("rev-parse", "HEAD")
    git("rm", "--quiet", "-r", "chapters")
    git("commit", "--quiet", "-m", "later")
    return folder.as_uri(), revision


@pytest.fixture
def colab(tmp_path) -> Path:
    """The Python of an environment with everything but brainlib."""
    folder = tmp_path / "environment"
    venv.create(folder, symlinks=True)
    here = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
    (here / "outer.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin" / "python"


def test_a_chapter_runs_to_its_end_in_an_empty_folder(tmp_path, published, colab):
    address, revision = published
    notebook = nbformat.read(ROOT / LIGHT, as_version=nbformat.NO_CONVERT)
    notebook.cells[0].source = first_cell.source(LIGHT.parent.as_posix(), address, revision)
    notebook.cells.append(nbformat.v4.new_code_cell("import brainlib\nprint(brainlib.__file__, os.getcwd())"))
    empty = tmp_path / "content"
    empty.mkdir()
    nbformat.write(notebook, empty / "chapter.ipynb")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("BRAINLIB_", "PYTHON"))}
    environment |= {"HOME": str(tmp_path), "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"}
    command = [colab, "-m", "papermill", "--kernel", "python3", "--no-progress-bar", "chapter.ipynb", "done.ipynb"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=empty, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    last = nbformat.read(empty / "done.ipynb", as_version=4).cells[-1].outputs[0].text
    book = empty / "brainlib-book"
    assert last.split() == [str(book / "brainlib" / "__init__.py"), str(book / LIGHT.parent)]
