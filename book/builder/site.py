"""The site: a complete source tree with executed chapters in `_build/site`, rendered to `_build/html`."""

import hashlib
import importlib.metadata
import importlib.resources
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import yaml

from book.builder import scoreboard
from book.builder.sources import BuildError, pages

WIDGET = "application/vnd.jupyter.widget-view+json"
FONTS = "output/chtml/fonts/woff-v2"


def assemble(root: Path, results: dict[Path, Path], profile: str) -> Path:
    """Writes pages, executed chapters, scoreboard, assets and configuration to `_build/site` and gives that folder."""
    site = root / "_build" / "site"
    shutil.rmtree(site, ignore_errors=True)
    shutil.copytree(root / "book", site / "book", ignore=shutil.ignore_patterns("builder", "__pycache__"))
    for chapter, result in results.items():
        (site / chapter).parent.mkdir(parents=True, exist_ok=True)
        _copy_chapter(result / "notebook.ipynb", site / chapter)
    (site / "book" / "scoreboard.md").write_text(scoreboard.render(root, results, profile), encoding="utf-8")
    for page in pages(root):
        if not any((site / f"{page.file}{ending}").is_file() for ending in (".md", ".ipynb")):
            raise BuildError(
                f"_toc.yml: {page.file} is listed, but there is neither {page.file}.md nor {page.file}.ipynb"
            )
    _copy_assets(root, site / "_extra" / "_assets")
    shutil.copy(root / "_toc.yml", site)
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    (site / "_config.yml").write_text(yaml.safe_dump(configured(config), sort_keys=False), encoding="utf-8")
    return site


def configured(config: dict) -> dict:
    """The configuration with what depends on the address of the public repository; without one, no page links to it."""
    address = config["repository"]["url"].rstrip("/")
    if address:
        config["launch_buttons"] = {"colab_url": "https://colab.research.google.com"}
        config["html"] |= {"use_repository_button": True, "use_edit_page_button": True, "use_issues_button": True}
        install = f'```\n%pip install "brainlib[book] @ git+{address}"\n```'
        colab = (
            f"Each chapter has a rocket button that opens it in Google Colab. Run this line there first:\n\n{install}"
        )
        clone = f"```sh\ngit clone {address}\n```"
    else:
        del config["repository"]
        colab, clone = "", ""
    config["parse"]["myst_substitutions"] = {"colab": colab, "clone": clone}
    return config


def render(root: Path, site: Path) -> bool:
    """Renders `site` to `_build/html` with every warning an error; False if that very site is rendered already.

    Pages are always rendered from scratch, because a warm Sphinx forgets the warnings of pages that it does not read
    again. The old pages stay until the new ones are whole.
    """
    html, work = root / "_build" / "html", root / "_build" / "render"
    mark = html / ".site"
    digest = _digest(site)
    if mark.is_file() and mark.read_text() == digest:
        return False
    shutil.rmtree(work, ignore_errors=True)
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(site)]
    done = subprocess.run(
        [*command, "--path-output", str(work), "-W", "--keep-going", "-q"], capture_output=True, text=True
    )
    if done.returncode:
        raise BuildError(f"the pages were not rendered:\n{done.stdout}{done.stderr}")
    rendered = work / "_build" / "html"
    _mend_roles(rendered)
    (rendered / "index.html").write_text(_index(pages(root)[0].file, root), encoding="utf-8")
    (rendered / ".site").write_text(digest)
    shutil.rmtree(html, ignore_errors=True)
    rendered.rename(html)
    shutil.rmtree(work)
    return True


def _copy_chapter(executed: Path, page: Path) -> None:
    """The executed notebook as a page: one parameters cell instead of two, and no metadata about the machine."""
    notebook = nbformat.read(executed, as_version=4)
    tags = [cell.metadata.get("tags", []) for cell in notebook.cells]
    injected = any("injected-parameters" in cell_tags for cell_tags in tags)
    kept = [
        cell
        for cell, cell_tags in zip(notebook.cells, tags, strict=True)
        if not injected or "parameters" not in cell_tags
    ]
    for cell in kept:
        if cell.cell_type == "code":  # progress bars are widgets, which are dead in a page
            cell.outputs = [output for output in cell.outputs if WIDGET not in output.get("data", {})]
        cell.metadata = nbformat.from_dict({"tags": cell.metadata.get("tags", [])})
    notebook.cells = kept
    for key in ("papermill", "widgets"):
        notebook.metadata.pop(key, None)
    nbformat.write(notebook, page)


def _copy_assets(root: Path, assets: Path) -> None:
    """The book's own files, plotly.js and MathJax: a page asks nobody outside for them."""
    shutil.copytree(root / "book" / "assets", assets)
    plotly = importlib.resources.files("plotly") / "package_data" / "plotly.min.js"
    (assets / "plotly.min.js").write_bytes(plotly.read_bytes())
    mathjax = Path(importlib.metadata.distribution("sphinx-mathjax-offline").locate_file("sphinx-mathjax-offline"))
    source, target = mathjax / "static" / "mathjax", assets / "mathjax"
    shutil.copytree(source / FONTS, target / FONTS)
    shutil.copy(source / "tex-chtml.js", target)


def _mend_roles(html: Path) -> None:
    """docutils gives entries of a bibliography a role that ARIA has withdrawn and that a list may not hold."""
    for path in html.rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        path.write_text(page.replace('role="doc-biblioentry"', 'role="listitem"'), encoding="utf-8")


def _digest(site: Path) -> str:
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for path in sorted(path for path in site.rglob("*") if path.is_file()):
        digest.update(f"{os.path.relpath(path, site)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _index(first: str, root: Path) -> str:
    title = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))["title"]
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<link rel="icon" href="data:,"><meta http-equiv="refresh" content="0; url={first}.html"></head>'
        f'<body><main><h1>{title}</h1><p><a href="{first}.html">Open the book</a></p></main></body></html>\n'
    )
