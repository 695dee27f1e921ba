"""What a chapter's source may look like."""

import nbformat
import pytest
from refusals import refused

from book.builder import __main__ as command
from book.builder import sources
from book.builder.failures import BuildError


def test_a_clean_chapter_is_found_and_its_parameters_are_read(root, write):
    chapter = write("1 + 1")
    assert sources.chapters(root) == [chapter]
    assert sources.parameters(root, chapter) == {"profile": "ci", "seed": 0, "device": "auto"}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda n: n.cells[2].update(outputs=[nbformat.v4.new_output("stream", text="2")]), "cell 2: holds outputs"),
        (lambda n: n.metadata.kernelspec.update(language="julia"), "its metadata is not in the book's form"),
        (lambda n: n.cells[2].metadata.update(collapsed=True), "its metadata is not in the book's form"),
    ],
)
def test_what_a_run_left_behind_is_read_over_but_refused_in_the_repository_and_stripped(
    root, write, spoil, message, monkeypatch
):
    chapter = write("1 + 1")
    notebook = nbformat.read(root / chapter, as_version=4)
    spoil(notebook)
    clean = sources.digest(root, chapter)
    nbformat.write(notebook, root / chapter)
    assert sources.chapters(root) == [chapter] and sources.digest(root, chapter) == clean
    with pytest.raises(BuildError, match=f"{chapter}.*{message}.*--strip {chapter}"):
        sources.check_stripped(root, chapter)
    monkeypatch.setattr(command, "ROOT", root)
    assert command.main(["--strip"]) == 0
    sources.check_stripped(root, chapter)


def test_parameters_are_names_with_literals(root, write):
    def wrong(message, parameters):
        refused(message, sources.parameters, root, write(parameters=parameters), error=BuildError)

    wrong("0 cells are tagged 'parameters', expected exactly one", None)
    wrong("the parameter 'profile' is not set to a literal", "profile = str(1)")
    wrong("holds 'import os', expected only name = literal", "import os")
    wrong("is not Python", "profile =")


def test_a_notebook_that_no_contents_list_is_named(root, write):
    write()
    write(chapter=sources.Path("chapters/part/02_lost.ipynb"))
    refused(r"02_lost\.ipynb: not listed in _toc\.yml", sources.chapters, root, error=BuildError)


@pytest.mark.parametrize("content", ["", "{", "{}", '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}'])
def test_a_broken_notebook_is_named(root, write, content):
    chapter = write()
    (root / chapter).write_text(content)
    with pytest.raises(BuildError, match=f"{chapter}: not a notebook"):
        sources.chapters(root)
