"""The rendered site: whole or not at all, without a word to the outside."""

import json
import re
import shutil
from pathlib import Path

import nbformat
import pytest

from book.builder import __main__ as command
from book.builder import build, plan, site
from book.builder.build import Ways
from book.builder.failures import BuildError
from brainlib.backend import provenance

REPOSITORY = Path(__file__).parents[2]
RECORD = {
    "claim": "A1",
    "values": [1.5],
    "seeds": [0],
    "profile": "laptop",
    "note": "a larger run",
    "provenance": provenance() | {"device_name": "a laptop", "threads": 8, "time": "2026-01-02T03:04:05+00:00"},
}


@pytest.fixture
def book(root, with_brainlib, claims, write):
    """The small book with the repository's own configuration and brainlib, two claims, and a page with maths."""
    shutil.copy(REPOSITORY / "_config.yml", root)
    shutil.copytree(REPOSITORY / "book" / "assets", root / "book" / "assets")
    (root / "book" / "welcome.md").write_text("# Welcome\n\nHere $E = mc^2$.\n\n{{ colab }}\n")
    shutil.copy(REPOSITORY / "book" / "references.bib", root / "book")
    records = claims("A1", "A2") / "records"
    records.mkdir()
    (records / "A1-laptop.json").write_text(json.dumps(RECORD))
    write(
        "from brainlib import ledger",
        'ledger.record("A1", values=[1.25], seeds=[seed], profile=profile, device=device)',
    )
    return root


def test_a_build_from_nothing_to_a_site_and_what_changes_do_to_it(book, capsys):
    html = book / "_build" / "html"
    build.build(book, Ways())
    assert "rendered" in capsys.readouterr().out
    assert 'url=book/welcome.html"' in (html / "index.html").read_text()

    chapter = (html / "chapters/part/01_first.html").read_text()
    assert 'id="A1"' in chapter and 'href="../../book/scoreboard.html#A1"' in chapter
    page = nbformat.read(book / "_build/site/chapters/part/01_first.ipynb", as_version=4)
    tags = [cell.metadata.get("tags", []) for cell in page.cells]
    assert tags == [[], ["parameters"], [], []]

    scoreboard = (html / "book/scoreboard.html").read_text()
    assert 'href="../chapters/part/01_first.html#A1"' in scoreboard and 'id="A1"' in scoreboard
    for part in ("One is &amp; stays &lt; two.", "not run", "1.5", "a larger run", "a laptop, 8 threads", "2026-01-02"):
        assert part in scoreboard
    facts = {row["id"]: row for row in json.loads((html / "_assets/scoreboard.json").read_text())}
    assert facts["A1"]["verdict"] == "holds" and facts["A1"]["values"] == [1.5]
    assert (html / "_assets/scoreboard.csv").read_text().count("not run") == 1

    for page in html.rglob("*.html"):
        asked = re.findall(
            r"<(?:script|link|img|iframe)\b[^>]*?(?:src|href)=\"((?:https?:)?//[^\"]*)", page.read_text()
        )
        assert not asked, f"{page.name} asks {asked}"
    assert (html / "_assets/plotly.min.js").is_file() and (html / "_assets/stix-two-math.woff").is_file()
    assert "<msup>" in (html / "book/welcome.html").read_text()

    build.build(book, Ways())
    assert "unchanged" in capsys.readouterr().out

    (book / "book/welcome.md").write_text("# Welcome\n\n[nowhere](nowhere.md)\n")
    for _ in range(2):
        with pytest.raises(BuildError, match=r"were not rendered:\n(.|\n)*nowhere(.|\n)*  all that was said: .*txt$"):
            build.build(book, Ways())
    assert "<msup>" in (html / "book/welcome.html").read_text()  # the last whole site stands


def test_a_page_that_is_listed_but_missing_is_named(book):
    (book / "book/welcome.md").unlink()
    with pytest.raises(BuildError, match=r"book/welcome is listed, but there is neither"):
        site.assemble(book, {}, {}, "ci")


@pytest.mark.parametrize("address", ["", "https://git.example/us/book/"])
def test_what_needs_the_address_appears_with_it(address):
    config = {"repository": {"url": address, "branch": "main"}, "html": {}, "parse": {}}
    text = json.dumps(site.configured(config))
    assert ("colab_url" in text) == ("use_edit_page_button" in text) == ("pip install" in text) == bool(address)
    assert text.count("git.example/us/book/") <= 1  # only the configured address itself keeps its slash


def test_the_command_says_what_is_wrong(capsys):
    def says(message, *arguments):
        assert command.main([*arguments]) == 1
        assert message in capsys.readouterr().err

    says("-p: got 'seed', expected NAME=VALUE", "-p", "seed")
    says("-p: got 'seed={[]:1}', expected a value of plain JSON", "-p", "seed={[]:1}")
    says("-p: got 'seed={1}', expected a value of plain JSON", "-p", "seed={1}")
    says("chapters/none.ipynb: not a notebook", "--only", "chapters/none.ipynb")
    says("chapters/none.ipynb: not a notebook", "--strip", "chapters/none.ipynb")


def test_a_parameter_from_the_command_line_is_a_literal_or_text():
    assert [plan.parameter(text) for text in ("seed=3", "rate=1e-3", "device=cpu")] == [
        ("seed", 3),
        ("rate", 1e-3),
        ("device", "cpu"),
    ]
