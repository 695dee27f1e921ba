"""Links within a built site: which pages there are, and which links lead nowhere."""

import functools
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The names in a page that can be linked to, the links in it, and whether it only sends its reader on."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.redirects = False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value for key, value in attrs if value is not None}
        self.names |= {given[key] for key in ("id", "name") if key in given}
        self.links += [given[key] for key in ("href", "src") if key in given]
        if tag == "meta" and given.get("http-equiv", "").lower() == "refresh":
            self.redirects = True
            self.links += re.findall(r"url=['\"]?([^'\"]+)", given.get("content", ""), re.IGNORECASE)


read = functools.cache(Page)


def pages(site: Path) -> list[str]:
    """The pages of a site, relative to it; `_static` holds parts of the theme, which are no pages."""
    paths = (path.relative_to(site) for path in site.rglob("*.html"))
    return sorted(path.as_posix() for path in paths if path.parts[0] != "_static")


def dead_links(site: Path, page: str) -> list[str]:
    """Links of a page to files or anchors of the site that are not there."""
    return [f"dead link: {link}" for link in read(site / page).links if not _lives(site, site / page, link)]


def _lives(site: Path, page: Path, link: str) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return True
    base = site if parts.path.startswith("/") else page.parent
    target = base / unquote(parts.path).lstrip("/") if parts.path else page
    if target.is_dir():
        target /= "index.html"
    anchor = unquote(parts.fragment)
    return target.is_file() and (not anchor or target.suffix != ".html" or anchor in read(target).names)
