"""The site: a complete source tree with executed chapters in `_build/site`, rendered to `_build/html`."""

import errno
import hashlib
import importlib.resources
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import yaml

from book.builder import chapter, glossary, maths, polish, recorded, scoreboard, stills, width
from book.builder.failures import TRACES, BuildError, plain
from book.builder.sources import pages


def assemble(root: Path, results: dict[Path, Path], pages_kept: dict[Path, dict], profile: str) -> Path:
    """Writes pages, chapters, scoreboard, assets and configuration to `_build/site` and gives that folder.

    Chapters come from the folders of their `results`, or from the recorded pages that were kept of them.
    """
    site = root / "_build" / "site"
    shutil.rmtree(site, ignore_errors=True)
    shutil.copytree(root / "book", site / "book", ignore=shutil.ignore_patterns("builder", "__pycache__"))
    notebooks = {name: nbformat.read(result / "notebook.ipynb", as_version=4) for name, result in results.items()}
    notebooks |= {name: recorded.draw(root, name, page) for name, page in pages_kept.items()}
    for notebook in notebooks.values():
        width.spread(notebook)
    html = (data["text/html"] for notebook in notebooks.values() for data in chapter.outputs(notebook))
    terms = glossary.read(root)
    pictures = stills.drawn(html, root / "_build" / "stills")
    for name, notebook in notebooks.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        chapter.write(notebook, site / name, pictures, terms)
    rows = scoreboard.gather(root, results, pages_kept)
    (site / "book" / "scoreboard.md").write_text(scoreboard.render(rows, profile), encoding="utf-8")
    for page in pages(root):
        if not any((site / f"{page.file}{ending}").is_file() for ending in (".md", ".ipynb")):
            raise BuildError(
                f"_toc.yml: {page.file} is listed, but there is neither {page.file}.md nor {page.file}.ipynb"
            )
    assets = site / "_extra" / "_assets"
    _copy_assets(root, assets)
    (assets / "scoreboard.json").write_text(scoreboard.as_json(rows), encoding="utf-8")
    (assets / "scoreboard.csv").write_text(scoreboard.as_csv(rows), encoding="utf-8")
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
        colab = (
            "Each chapter has a rocket button that opens it in Google Colab, where its first cell fetches all that it "
            f'needs. The library alone: `pip install "brainlib[notebook] @ git+{address}"`.'
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
        raise _not_rendered(root, done.stdout + done.stderr)
    rendered = work / "_build" / "html"
    polish.polish(rendered)
    (rendered / "index.html").write_text(_index(pages(root)[0].file, root), encoding="utf-8")
    (rendered / ".site").write_text(digest)
    old = root / "_build" / "html.old"
    shutil.rmtree(old, ignore_errors=True)
    if html.exists():
        html.rename(old)
    rendered.rename(html)
    shutil.rmtree(old, ignore_errors=True)
    shutil.rmtree(work)
    return True


def _not_rendered(root: Path, output: str) -> BuildError:
    """The lines that say why, and where all of it stands."""
    if os.strerror(errno.ENOSPC) in output:
        return BuildError("the pages were not rendered: the disk is full")
    trace = root / TRACES / "render.txt"
    trace.parent.mkdir(parents=True, exist_ok=True)
    trace.write_text(plain(output), encoding="utf-8")
    lines = plain(output).strip().splitlines()
    telling = [line for line in lines if re.search(r"WARNING|ERROR|Error:", line)] or lines
    words = "\n".join(dict.fromkeys(telling[:10]))
    return BuildError(f"the pages were not rendered:\n{words}\n  all that was said: {trace}")


def _copy_assets(root: Path, assets: Path) -> None:
    """The book's own files, plotly.js and a font for mathematics: a page asks nobody outside for them."""
    shutil.copytree(root / "book" / "assets", assets)
    plotly = importlib.resources.files("plotly") / "package_data" / "plotly.min.js"
    (assets / "plotly.min.js").write_bytes(plotly.read_bytes())
    maths.write_font(assets / "stix-two-math.woff")


def _digest(site: Path) -> str:
    digest = hashlib.sha256(Path(__file__).read_bytes() + Path(polish.__file__).read_bytes())
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
