"""What must hold for a page in the browser. Every check returns complaints in words; a good page has none."""

import contextlib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from page_links import dead_links
from playwright.sync_api import Browser, Page, Request
from playwright.sync_api import TimeoutError as Timeout

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
LOUD = ("error", "warning")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
SCRIPT = Path(__file__).with_suffix(".js")  # what is evaluated in the page


@contextlib.contextmanager
def visit(browser: Browser, address: str, page: str, scheme: str, size: dict) -> Iterator[tuple[Page, list[str]]]:
    """The page, its figures touched and drawn, and what its loading complained of: noise, failed, outside requests."""
    complaints: list[str] = []

    def outside(request: Request) -> None:
        if not request.url.startswith(address + "/"):
            complaints.append(f"outside request: {request.url}")

    tab = browser.contexts[0].new_page()
    tab.set_viewport_size(size)
    tab.emulate_media(color_scheme=scheme)
    tab.add_init_script(path=SCRIPT)
    tab.on("request", outside)
    tab.on("pageerror", lambda error: complaints.append(f"script error: {error}"))
    tab.on("requestfailed", lambda request: complaints.append(f"failed request: {request.url}"))
    tab.on("response", lambda got: got.status >= 400 and complaints.append(f"status {got.status}: {got.url}"))
    tab.on("console", lambda said: said.type in LOUD and complaints.append(f"console: {said.text}"))
    tab.goto(f"{address}/{page}", wait_until="load")
    tab.evaluate("checks.touch()")
    with contextlib.suppress(Timeout):  # what is not drawn by then is found blank
        tab.wait_for_function("checks.ready()", timeout=30_000)
    yield tab, complaints
    tab.close()


def complaints_of(browser: Browser, address: str, site: Path, page: str) -> list[str]:
    """All complaints about a page: at a desk in the light, where it gets dark at last, and on a phone in the dark."""
    found = dead_links(site, page)
    with visit(browser, address, page, "light", DESK) as (tab, noise):
        found += complaints(tab, "blank", "withoutText", "widgets", "differing") + dead_controls(tab) + noise
        found += inaccessible(tab, "light") + inaccessible(tab, "dark")
    with visit(browser, address, page, "dark", PHONE) as (tab, noise):
        found += complaints(tab, "tooWide", "blank", "crowded") + noise
    return list(dict.fromkeys(found))


def complaints(tab: Page, *checks: str) -> list[str]:
    """What the named checks of `page_checks.js` find: blank, withoutText, differing, crowded, widgets, tooWide."""
    return [complaint for check in checks for complaint in tab.evaluate(f"checks.{check}()")]


def inaccessible(tab: Page, scheme: str) -> list[str]:
    """What axe finds against WCAG 2.1 at levels A and AA. It comes last: the page is stripped for it."""
    tab.emulate_media(color_scheme=scheme)
    tab.evaluate("checks.strip()")
    tab.evaluate(AXE)
    run = "(rules) => axe.run({ runOnly: rules, preload: false, resultTypes: ['violations'] })"
    nodes = [(rule["id"], node) for rule in tab.evaluate(run, RULES)["violations"] for node in rule["nodes"]]
    return [f"{rule} ({scheme}): {node['target']} {node['html'][:120]}" for rule, node in nodes]


def dead_controls(tab: Page) -> list[str]:
    """Controls that a keyboard cannot move, or that do not change what their figure draws."""
    found, drawn = [], "(figure) => checks.drawn(figure)"
    for control in tab.query_selector_all("figure.brainlib :is(input, select)"):
        name, figure = control.get_attribute("id"), control.evaluate_handle("control => control.closest('figure')")
        before, said = figure.evaluate(drawn), control.evaluate("control => control.value")
        steps = control.evaluate("control => Number(control.max || control.length - 1)")
        control.evaluate("control => { document.activeElement?.blur(); control.focus(); }")
        for _ in range(min(steps, 5)):  # neighbouring states may be alike, all of them not
            tab.keyboard.press("ArrowRight" if control.get_attribute("type") == "range" else "ArrowDown")
            tab.evaluate("checks.painted()")
            if figure.evaluate(drawn) != before:
                break
        else:
            with contextlib.suppress(Timeout):  # a slow figure
                changed = "([figure, before]) => checks.drawn(figure) !== before"
                tab.wait_for_function(changed, arg=[figure, before], timeout=2_000)
                continue
            moved = control.evaluate("control => control.value") != said
            found.append(f"dead control: {name} {'moves but changes nothing' if moved else 'does not move'}")
    return found
