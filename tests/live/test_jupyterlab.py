"""A reader's way through a chapter: JupyterLab as `make lab` starts it, in a real browser, by keyboard."""

import contextlib
import itertools
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import nbformat
import pytest
from page_browser import MISSING, REQUIRED, chromium, launched
from playwright.sync_api import Browser, Locator, Page, Route, TimeoutError, expect

ROOT = Path(__file__).parents[2]
CHAPTER = Path("timescales", "01_leaky_neurons.ipynb")
OPTIONS = (
    "--no-browser --allow-root --ip=127.0.0.1 --port=0 --IdentityProvider.token= --ServerApp.disable_check_xsrf=True"
)
SLOW = 120_000  # milliseconds
BLANK = re.compile(r"^\[ *\]:$")
FIGURE = "document.querySelector('.brainlib-live .js-plotly-plot')?.data"
SHOWN = """() => [...document.querySelectorAll(".js-plotly-plot")].filter((plot) =>
    plot.offsetHeight && plot.querySelector("svg.main-svg")).length"""


@contextlib.contextmanager
def jupyterlab(home: Path, chapters: Path) -> Iterator[str]:
    """The address of a JupyterLab on `chapters`, for a user whose home folder holds a kernel that cannot start."""
    stray = home / ".local" / "share" / "jupyter" / "kernels" / "python3"
    stray.mkdir(parents=True)
    (stray / "kernel.json").write_text('{"argv": ["/nowhere"], "display_name": "stray", "language": "python"}')
    make = ["make", "--no-print-directory", "-n", "lab", f"VENV_PYTHON={sys.executable}", f"LAB={OPTIONS}"]
    recipe = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
    assert recipe.endswith(" chapters")
    command = f"exec env {recipe.removesuffix('chapters')} {shlex.quote(str(chapters))}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BRAINLIB_", "JUPYTER"))}
    environment = kept | {"HOME": str(home), "JUPYTER_RUNTIME_DIR": str(home / "runtime"), "PYTHONPATH": str(ROOT)}
    with (home / "log").open("w") as log:
        server = subprocess.Popen(command, shell=True, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            while not (facts := list((home / "runtime").glob("jpserver-*.json"))):
                assert server.poll() is None, (home / "log").read_text()
                time.sleep(0.2)
            yield json.loads(facts[0].read_text())["url"]
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)


@contextlib.contextmanager
def opened(browser: Browser, address: str) -> Iterator[Page]:
    """The chapter in JupyterLab, without a network around it."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.route("**/*", lambda route: route.continue_() if route.request.url.startswith(address) else route.abort())
    tab = context.new_page()
    tab.goto(f"{address}lab/tree/{CHAPTER}", timeout=SLOW)
    tab.wait_for_selector(".jp-Notebook .jp-Cell h1", timeout=SLOW)
    yield tab
    context.close()


def run_first_cell(tab: Page) -> None:
    """By keyboard, again until its number is not blank: a page that is still being drawn takes no keys."""
    first = tab.locator(".jp-Notebook .jp-Cell").first
    for _ in range(SLOW // 10_000):
        first.click()
        tab.keyboard.press("Escape")
        tab.keyboard.press("Shift+Enter")
        with contextlib.suppress(AssertionError):
            return expect(first.locator(".jp-InputPrompt")).not_to_have_text(BLANK, timeout=10_000)
    pytest.fail(f"no cell was run: {tab.locator('.jp-Notebook').inner_text()}")


def shown_within(tab: Page, wanted: Locator, milliseconds: int) -> None:
    """Step between the last cell run and the next until `wanted` is seen: what is out of view may not be there."""
    ends = time.monotonic() + milliseconds / 1000
    for key in itertools.cycle(["ArrowUp", "ArrowDown"]):
        tab.keyboard.press(key)
        with contextlib.suppress(TimeoutError):
            return wanted.wait_for(timeout=2000)
        assert time.monotonic() < ends, tab.locator(".jp-Notebook").inner_text()


def end_kernels(address: str) -> None:
    sessions = json.load(urllib.request.urlopen(f"{address}api/sessions"))
    assert [session["path"] for session in sessions] == [str(CHAPTER)]
    request = urllib.request.Request(f"{address}api/sessions/{sessions[0]['id']}", method="DELETE")
    urllib.request.urlopen(request).close()


def from_cdn(route: Route) -> None:
    """plotly.js, which a converted notebook takes from its CDN; nothing else is needed."""
    if "plot.ly" not in route.request.url:
        return route.abort()
    script = files("plotly").joinpath("package_data", "plotly.min.js").read_bytes()
    headers = {"access-control-allow-origin": "*", "content-type": "text/javascript"}
    route.fulfill(body=script, headers=headers)


def test_a_chapter_is_run_by_keyboard_saved_and_read_without_a_kernel(tmp_path: Path) -> None:
    executable = chromium()
    if executable is None:
        (pytest.fail if REQUIRED else pytest.skip)(MISSING)
    chapters, home = tmp_path / "chapters", tmp_path / "home"
    shutil.copytree(ROOT / "chapters" / CHAPTER.parent, chapters / CHAPTER.parent)
    cells = [cell.source for cell in nbformat.read(chapters / CHAPTER, as_version=4).cells]
    explorer = next(place for place, source in enumerate(cells) if "figures.loop(" in source)
    with launched(executable) as browser, jupyterlab(home, chapters) as address:
        with opened(browser, address) as tab:
            tab.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=SLOW)
            run_first_cell(tab)
            for _ in range(explorer):
                tab.keyboard.press("Shift+Enter")
            slider = tab.locator(".brainlib-live .noUi-handle").first
            shown_within(tab, slider, SLOW)
            tab.wait_for_function(FIGURE, timeout=SLOW)
            readout = tab.locator(".brainlib-live .widget-readout").first
            assert readout.inner_text() == "1.5"  # where the chapter lets it start
            before = tab.evaluate(f"JSON.stringify({FIGURE})")
            slider.focus()
            tab.keyboard.press("ArrowRight")
            tab.wait_for_function(f"(before) => JSON.stringify({FIGURE}) !== before", arg=before, timeout=SLOW)
            assert readout.inner_text() == "1.525"  # which is not on the grid
            assert tab.locator(".jp-OutputArea-child:has(.brainlib-live) + .jp-OutputArea-child").is_hidden()
            written = (chapters / CHAPTER).stat().st_mtime_ns
            tab.keyboard.press("Control+s")
            while (chapters / CHAPTER).stat().st_mtime_ns == written:
                tab.wait_for_timeout(200)  # time.sleep would hold up the request
        end_kernels(address)
        with opened(browser, address) as tab:
            caption = tab.get_by_text("Two quick neurons in a loop remember longer than one slow neuron").last
            caption.scroll_into_view_if_needed(timeout=SLOW)
            tab.locator(".jp-OutputArea", has=caption).locator("svg.main-svg").first.wait_for(timeout=SLOW)
            assert not tab.get_by_text("model not found").is_visible()
    convert = [sys.executable, "-m", "nbconvert", "--to", "html", "--output", tmp_path / "page.html"]
    subprocess.run([*convert, chapters / CHAPTER], check=True, capture_output=True)
    with launched(executable) as browser:
        page = browser.new_page()
        page.route(re.compile("^https?:"), from_cdn)
        page.goto((tmp_path / "page.html").as_uri())
        page.wait_for_function(f"() => ({SHOWN})() === 2", timeout=SLOW)
        assert page.locator("p.brainlib-caption").count() == page.locator("figure").count() == 2
