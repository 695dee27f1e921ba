"""What is mended in the rendered pages, file by file."""

import re
from pathlib import Path

ICONS = "_static/scripts/fontawesome.js"
ICON = re.compile(r'<i\b([^>]*\bclass="[^"]*\bfa-(?!solid|lg)([a-z-]+)[^"]*"[^>]*)>\s*</i>')
SCRIPT = re.compile(r"<script[^>]*fontawesome\.js[^>]*></script>\s*|<link[^>]*preload[^>]*fontawesome\.js[^>]*>\s*")


def polish(html: Path) -> None:
    """Mends every page below `html`.

    Icons become drawings in the page, which saves a script of 1.5 MB. docutils gives entries of a bibliography a role
    that ARIA has withdrawn and that a list may not hold. The theme is light until the page's script knows better: no
    stylesheet knows "auto", with which code is black on dark grey where there is no JavaScript.
    """
    icons = html / ICONS
    shapes = _shapes(icons.read_text(encoding="utf-8")) if icons.is_file() else {}
    for path in html.rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        for old, new in (('role="doc-biblioentry"', 'role="listitem"'), ('data-theme="auto"', 'data-theme="light"')):
            page = page.replace(old, new)
        names = {name for _, name in ICON.findall(page)}
        if names <= set(shapes):
            page = SCRIPT.sub("", ICON.sub(lambda found: _drawing(*found.groups(), *shapes[found.group(2)]), page))
        path.write_text(page, encoding="utf-8")


def _shapes(script: str) -> dict[str, tuple[str, str, str]]:
    """Width, height and path of every icon."""
    found = re.findall(r'"?([a-z0-9-]+)"?: ?\[(\d+), ?(\d+), ?\[[^\]]*\], ?"[0-9a-f]+", ?"([^"]+)"\]', script)
    return {name: (width, height, path) for name, width, height, path in found}


def _drawing(attributes: str, _name: str, width: str, height: str, path: str) -> str:
    attributes = attributes.replace('class="', 'class="svg-inline--fa ', 1)
    if "aria-hidden" not in attributes:
        attributes += ' aria-hidden="true"'
    return f'<svg{attributes} viewBox="0 0 {width} {height}"><path fill="currentColor" d="{path}"/></svg>'
