"""What the builder makes of a page's parts: figures, mathematics, icons, the scoreboard's picture."""

import re
import subprocess
from xml.etree import ElementTree

import nbformat
import pandas as pd
import plotly.graph_objects as go
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from plotly.subplots import make_subplots

from book.builder import chapter, effects, glossary, maths, polish, stills, width
from book.builder.failures import BuildError
from brainlib import explore, ledger
from brainlib.ledger.records import Record


def html(name: str, **grid) -> str:
    def draw(scale: float = 1.0) -> go.Figure:
        return go.Figure(go.Scatter(y=[0.0, scale, 2.5])).update_layout(xaxis_title="bits")

    shown = {"name": name, "caption": "It grows.", "alt": "A line."}
    return (explore.explorer(draw, **shown, **grid) if grid else explore.show(draw(), **shown)).html()


def notebook(*texts: str, figures: tuple[str, ...] = ()) -> nbformat.NotebookNode:
    output = [new_output("display_data", {"text/html": figure}) for figure in figures]
    return new_notebook(cells=[*map(new_markdown_cell, texts), new_code_cell("1", outputs=output)])


def test_figures_are_numbered_referred_to_and_the_time_is_told(tmp_path):
    words = "word " * 1000
    book = notebook(
        f"# Title\n\n{words}", "See [Figure](#second-one).", figures=(html("first-one"), html("second-one"))
    )
    pictures = {html("first-one"): "<svg></svg>"}  # one of the two has a picture
    chapter.write(book, tmp_path / "page.ipynb", pictures, {})
    page = nbformat.read(tmp_path / "page.ipynb", as_version=4)
    assert page.cells[0].source.startswith('# Title\n\n<p class="reading-time">5 minutes to read</p>')
    assert page.cells[1].source == 'See <a href="#second-one">Figure 2</a>.'
    captions = [re.search("<figcaption>.*", output.data["text/html"]).group() for output in page.cells[2].outputs]
    assert [caption[12:39] for caption in captions] == [f"<strong>Figure {n}.</strong> " for n in (1, 2)]
    with pytest.raises(BuildError, match="refers to a figure 'third-one', which is not on its page"):
        chapter.write(notebook("# Title", "[Figure](#third-one)"), tmp_path / "page.ipynb", {}, {})


def test_terms_are_linked_where_they_are_first_used_and_in_plain_text_only(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / glossary.PAGE).write_text('```{glossary}\nspike\n  A short "pulse".\n\nADAM\n  A method.\n```\n')
    terms, used = glossary.read(tmp_path), set()
    text = "# The spike\n\nA `spike` in $spike$, [spike](x.md), adam. Spikes and spikes."
    found = glossary.linked(text, terms, used)
    link = '<a class="term" href="../../book/glossary.html#term-spike" title="A short &quot;pulse&quot;.">Spikes</a>'
    assert found == text.replace("Spikes", link) and used == {"spike"}
    assert glossary.linked("A spike; ADAM.", terms, used).startswith("A spike; <a") and used == {"spike", "ADAM"}


def test_a_figure_has_a_picture_of_what_it_shows_first(tmp_path):
    page = html("moved", scale=[1.0, 2.0])
    page = page.replace('value="0"', 'value="1"')  # a slider that begins elsewhere
    (picture,) = stills.drawn([page], tmp_path).values()
    assert "var(--brainlib-ink)" in picture and "rgb(1, 2, 3)" not in picture and "bits" in picture
    assert stills.figure(stills.FIGURE.search(page).group())["data"][0]["y"] == [0, 2, 2.5]
    again = stills.drawn([page], tmp_path)
    assert list(again.values()) == [picture] and len(list(tmp_path.iterdir())) == 1
    shown = stills.inserted(page, again)
    assert picture in shown and "data-still" in shown and stills.inserted(page, {}) == page


def test_a_painter_that_hangs_is_replaced(tmp_path, monkeypatch):
    start, began = subprocess.Popen, []

    def hanging_first(command, **words):
        began.append(command)
        monkeypatch.setattr(stills, "PATIENCE", 0.2 if len(began) == 1 else 60)
        return start(["sleep", "60"] if len(began) == 1 else command, **words)

    monkeypatch.setattr(stills.subprocess, "Popen", hanging_first)
    assert len(stills.drawn([html("curve")], tmp_path)) == 1 and len(began) == 2


def test_what_is_wider_than_the_text_is_given_the_margin():
    figures = [make_subplots(cols=panels).add_scatter(y=[1, 2]).update_layout(explore.WIDE) for panels in (2, 1)]
    words = {"name": "shown", "caption": "It grows.", "alt": "A line."}
    cells = [{"text/html": explore.show(figure, **words).html()} for figure in figures]
    cells += [{"text/html": pd.DataFrame([["a word"] * columns]).to_html()} for columns in (12, 3)]
    cells += [{"text/markdown": f"```python\nx = {'1' * digits}\n```"} for digits in (100, 50)]
    book = new_notebook(cells=[new_code_cell("1", outputs=[new_output("display_data", data)]) for data in cells])
    width.spread(book)
    assert [width.TAG in cell.metadata.get("tags", []) for cell in book.cells] == [True, False] * 3
    assert f"max-width:{width.FULL}px" in book.cells[0].outputs[0].data["text/html"]


def test_mathematics_is_mathml_and_a_wrong_formula_an_error(tmp_path):
    element = ElementTree.fromstring(maths.mathml(r"\big(\tfrac{a}{b}\big)_+ \leq x^2", True))
    tags = {part.tag.rpartition("}")[2] for part in element.iter()}
    assert {"math", "mfrac", "msup", "msub"} <= tags
    with pytest.raises(ValueError, match=r"mathematics: .*ParseError"):
        maths.mathml(r"\frac{a", False)
    maths.write_font(tmp_path / "font.woff")
    assert 50_000 < (tmp_path / "font.woff").stat().st_size < 300_000


def test_icons_are_drawn_and_their_script_goes(tmp_path):
    script = tmp_path / polish.ICONS
    script.parent.mkdir(parents=True)
    script.write_text('x={bars:[448,512,["navicon"],"f0c9","M0 96C0 78"],"arrow-up":[384,512,[],"f062","M214 41"]}')
    head = '<script defer src="../_static/scripts/fontawesome.js?digest=5"></script>'
    page = tmp_path / "page.html"
    page.write_text(head + '<i class="fa-solid fa-arrow-up"></i><i class="theme fa-solid fa-bars fa-lg" title="t"></i>')
    polish.polish(tmp_path)
    assert "fontawesome" not in page.read_text() and page.read_text().count("<svg") == 2
    assert 'class="svg-inline--fa theme fa-solid fa-bars fa-lg" title="t"' in page.read_text()
    page.write_text(text := head + '<i class="fa-solid fa-unknown"></i>')
    polish.polish(tmp_path)
    assert page.read_text() == text


def test_the_scoreboards_picture_has_a_row_a_claim_and_the_control():
    def verdict(side: str, values: list[float], control: list[float]):
        claim = ledger.Claim(f"X-{side}", "s", "s", "p", "m", "u", 0.5, "r", "c", side=side)
        seeds = tuple(range(len(values)))
        record = Record(claim.id, tuple(values), seeds, "laptop", {}, control=tuple(control))
        return claim, ledger.Verdict(claim, record)

    rows = [
        verdict("above", [2, 2.2, 2.1, 2, 2.1], [0.1, 0, 0, 0.1, 0]),
        verdict("below", [2, 2.2, 2.1, 2, 2.1], [0.1, 0, 0, 0.1, 0]),
        verdict("within", [0.1, 0, 0, 0.1, 0], [2, 2.2, 2.1, 2, 2.1]),
    ]
    svg = ElementTree.fromstring(effects.draw(rows, "Effects"))
    space = "{http://www.w3.org/2000/svg}"
    links = svg.findall(f"{space}a")
    assert [(link.get("href"), link.get("class")) for link in links] == [
        ("#X-above", "claim-holds"), ("#X-below", "claim-fails"), ("#X-within", "claim-holds"),
    ]  # fmt: skip
    zero = float(svg.find(f"{space}path[@class='zero']").get("d")[1:].split()[0])
    marks = [float(link.find(f"{space}g").get("transform").split("(")[1].split()[0]) for link in links]
    assert marks[0] > zero > marks[1] and marks[2] > zero
    assert all(link.find(f"{space}circle[@class='control']") is not None for link in links)
