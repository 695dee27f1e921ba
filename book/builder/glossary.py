"""Terms are linked to the glossary where a chapter first uses them, with their meaning on hover."""

import re
from html import escape
from pathlib import Path

PAGE = "book/glossary.md"
TERM = re.compile(r"^(\S.*)\n  (\S.*)$", re.MULTILINE)
KEPT = re.compile(  # what is no plain text: code, mathematics, roles, links, HTML, headings, tables
    r"```.*?```|:::[^\n]*|`[^`]*`|\$\$.*?\$\$|\$[^$\n]+\$|\{[a-z:]+\}`[^`]*`|!?\[[^\]]*\]\([^)]*\)|<[^>]+>"
    r"|^#+ [^\n]*|^\|[^\n]*|^\\begin.*?^\\end[^\n]*",
    re.DOTALL | re.MULTILINE,
)


def read(root: Path) -> dict[str, str]:
    """The meaning of each term; none where the book has no glossary."""
    path = root / PAGE
    return dict(TERM.findall(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def linked(text: str, terms: dict[str, str], used: set[str], up: str = "../../") -> str:
    """Markdown with links at the terms that are not among `used` yet, which are added to it."""
    for term, meaning in terms.items():
        if term in used:
            continue
        word = re.compile(rf"(?<![\w-]){re.escape(term)}(?:e?s)?(?![\w-])", 0 if term[0].isupper() else re.IGNORECASE)
        end = 0
        for kept in [*KEPT.finditer(text), None]:
            found = word.search(text, end, kept.start() if kept else len(text))
            if found:
                anchor = "term-" + re.sub(r"[^a-zA-Z0-9]+", "-", term)
                link = f'<a class="term" href="{up}book/glossary.html#{anchor}" title="{escape(meaning)}">'
                text = f"{text[: found.start()]}{link}{found.group()}</a>{text[found.end() :]}"
                used.add(term)
                break
            end = kept.end() if kept else end
    return text
