"""A Sphinx extension: equations and tables in docstrings are shown as they stand, fields without words not at all."""

import re


def setup(app) -> dict[str, bool]:
    """Registers it."""
    app.connect("autodoc-process-docstring", literal)
    app.connect("autodoc-skip-member", unsaid)
    return {"parallel_read_safe": True}


def unsaid(app, what, name, obj, skip, options) -> bool | None:
    """Skips the fields of a NamedTuple, which its signature names."""
    return True if str(obj.__doc__).startswith("Alias for field number") else None


def literal(app, what, name, obj, options, lines: list[str]) -> None:
    """Puts a mark before every block after an empty line that is indented or whose lines begin with a bar."""
    found: list[str] = []
    kind = ""  # of the block that the last line belongs to
    listed = False
    for line in lines:
        above = found[-1] if found else ""
        if line.startswith("|") or (line.startswith("    ") and not listed):
            if not above.strip() and kind == "":
                found += [".. code-block:: text", ""]
                kind = "bar" if line.startswith("|") else "indented"
        elif line.strip():
            kind, listed = "", line.lstrip().startswith(("- ", "* "))
        if not kind:  # |x| is an absolute value, and no name of a substitution
            line = re.sub(r"(?<![`|])\|(\w+)\|(?![`|])", r"\\|\1\\|", line)
        found.append(f"    {line}" if kind == "bar" and line.strip() else line)
    lines[:] = found
