"""A Sphinx extension: mathematics as MathML, which a browser shows without a script, in a font that the page has.

KaTeX makes it when the book is built, in a JavaScript engine without a browser.
"""

import functools
import importlib.metadata
import importlib.resources
import re
from collections.abc import Callable
from pathlib import Path

from docutils import nodes

SHOWN = (  # ranges of code points that a formula may hold
    (0x20, 0x7F), (0xA0, 0x100), (0x300, 0x340), (0x370, 0x400), (0x2010, 0x2040), (0x2100, 0x2150), (0x2190, 0x2300),
    (0x2308, 0x230C), (0x23B0, 0x23E2), (0x27E6, 0x2800), (0x2A00, 0x2AB0), (0x1D400, 0x1D504), (0x1D538, 0x1D56C),
    (0x1D6A4, 0x1D6E2),
)  # fmt: skip
BRACKET = re.compile(r"(\\(?:big|Big|bigg|Bigg)[r]?(?:[)\]]|\\}|\\rangle))([_^])")
FONT = importlib.metadata.distribution("ziamath").locate_file("ziamath/fonts/STIXTwoMath-Regular.ttf")
RENDER = "text => katex.renderToString(text, {displayMode: %s, output: 'mathml', strict: 'ignore', trust: false})"


def setup(app) -> dict[str, bool]:
    """Registers it as the renderer "mathml"."""
    app.add_html_math_renderer("mathml", inline_renderers=(inline, None), block_renderers=(block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def inline(self, node: nodes.math) -> None:
    """A formula in the text."""
    self.body.append(f"{self.starttag(node, 'span', '', CLASS='math')}{mathml(node.astext(), False)}</span>")
    raise nodes.SkipNode


def block(self, node: nodes.math_block) -> None:
    """A formula of its own, with its number; lines are aligned at their `&`."""
    self.body.append(self.starttag(node, "div", CLASS="math"))
    if node["number"]:
        self.body.append(f'<span class="eqno">({node["number"]})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    text = node.astext()
    if r"\\" in text and r"\begin{align" not in text and r"\begin{split" not in text:
        text = rf"\begin{{aligned}}{text}\end{{aligned}}"
    self.body.append(f"{mathml(text, True)}</div>\n")
    raise nodes.SkipNode


@functools.cache
def mathml(text: str, display: bool) -> str:
    """The formula as MathML; raises `ValueError` with KaTeX's words for one that it cannot read."""
    from py_mini_racer import JSEvalException

    text = BRACKET.sub(r"{{}\1}\2", text)  # alone with an index, a browser sets it too low
    try:
        return _katex()(text, display)
    except JSEvalException as error:
        raise ValueError(f"mathematics: {str(error).splitlines()[0]}") from None


def write_font(path: Path) -> None:
    """STIX Two Math, of which so much as formulas need."""
    from fontTools import subset

    options = subset.Options(flavor="woff", layout_features=["math", "ssty", "dtls"], hinting=False)
    font = subset.load_font(str(FONT), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=[point for first, end in SHOWN for point in range(first, end)])
    subsetter.subset(font)
    subset.save_font(font, str(path), options)
    font.close()


@functools.cache
def _katex() -> Callable[[str, bool], str]:
    from py_mini_racer import MiniRacer

    engine = MiniRacer()
    engine.eval((importlib.resources.files("sphinxcontrib") / "katex.min.js").read_text(encoding="utf-8"))
    for display in ("true", "false"):
        engine.eval(f"const render_{display} = {RENDER % display}; 0")
    return lambda text, display: engine.call(f"render_{str(display).lower()}", text)
