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

TOUCHED = """() => document.querySelectorAll("figure.brainlib").forEach((figure) =>
    figure.dispatchEvent(new PointerEvent("pointerenter")))"""
READY = """() => !document.querySelector("figure.brainlib:not(.drawn, .failed)")"""
LAYERS = ".mlayer, .polarlayer, .pielayer, .shapelayer, .annotation"
BLANK = """(layers) => [...document.querySelectorAll("figure.brainlib, .js-plotly-plot")].filter((figure) => {
    const size = (part) => { const box = part.getBoundingClientRect(); return [box.width, box.height]; };
    const surface = [...figure.querySelectorAll("svg.main-svg, canvas")].some((part) => Math.min(...size(part)) > 20);
    const traces = [...figure.querySelectorAll(layers + ", canvas")].flatMap((part) =>
        part.tagName === "CANVAS" ? [part] : [...part.querySelectorAll("path, image, rect, text")]);
    return !surface || !traces.some((part) => Math.max(...size(part)) > 0);
}).map((figure) => figure.id || figure.className)"""
DRAWN = """(figure, layers) => JSON.stringify([...figure.querySelectorAll(layers)].flatMap((layer) =>
    [...layer.querySelectorAll("path, image, rect, text")].map((part) =>
        [part.textContent, ...["d", "href", "transform", "x", "y", "width", "height", "style"].map((name) =>
            part.getAttribute(name))])
    ).concat([...figure.querySelectorAll("canvas")].map((part) => part.toDataURL())))"""
WITHOUT_TEXT = """() => [...document.querySelectorAll("img, [role=img]:not([aria-hidden=true])")].filter((picture) =>
    !(picture.alt || picture.ariaLabel || picture.getAttribute("aria-labelledby") ||
      picture.querySelector?.("title")?.textContent)?.trim()).map((picture) => picture.outerHTML.slice(0, 120))"""
DIFFERING = """() => [...document.querySelectorAll("figure.brainlib")].flatMap((figure) => {
    const simulate = window.brainlibSimulations?.[figure.id];
    if (!simulate) return [];
    const data = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
    const controls = [...figure.querySelectorAll(".brainlib-controls input, .brainlib-controls select")];
    const start = controls.map((control, k) => [data.names[k], data.numbers[k][control.value]]);
    const series = simulate(Object.fromEntries(start));
    return data.states[0].data.filter((trace) => "meta" in trace).map((trace) => {
        const computed = Array.from(series[trace.meta] ?? []);
        const size = Math.max(...trace.y.map(Math.abs), 1e-9);
        const alike = computed.length === trace.y.length && trace.y.every((y, k) =>
            y === null || computed[k] === null ? y === computed[k] : Math.abs(y - computed[k]) <= 1e-3 * size);
        return alike ? "" : `${figure.id} ${trace.meta}`;
    }).filter(Boolean);
})"""
CROWDED = """() => [...document.querySelectorAll("figure.brainlib")].flatMap((figure) => {
    const frame = figure.querySelector(".brainlib-plot").getBoundingClientRect();
    const titles = "g[class^=g-x] text, g[class^=g-y] text, .annotation text, .legendtext";
    const texts = [...figure.querySelectorAll(titles)].filter((text) => text.textContent.trim());
    const boxes = texts.map((text) => [text.textContent, text.getBoundingClientRect()]);
    const across = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const along = (a, b) => Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    return boxes.flatMap(([text, box], k) => [
        ...(across(box, frame) < box.width - 2 || along(box, frame) < box.height - 2 ?
            [`cut off: ${text} (${figure.id})`] : []),
        ...boxes.slice(k + 1).filter(([_, other]) => Math.min(across(box, other), along(box, other)) > 3)
            .map(([other]) => `overlap: ${text} and ${other} (${figure.id})`),
    ]);
})"""
STRIP = """() => { // axe takes time for every element: out with what no rule looks at and with repetitions
    for (const plot of document.querySelectorAll(".brainlib-plot")) plot.replaceWith(plot.cloneNode());
    const seen = new Set();
    for (const word of document.querySelectorAll(".highlight pre span")) {
        const kind = `${word.closest("[class*=highlight-]")?.parentElement.className} ${word.className}`;
        if (!word.children.length && seen.has(kind)) word.replaceWith(...word.childNodes);
        seen.add(kind);
    }
    document.head.insertAdjacentHTML("beforeend", "<style>* { transition: none !important }</style>");
}"""
FRAMES = "() => new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)))"
DEAD_WIDGETS = """() => document.querySelectorAll(
    ".jupyter-widgets, script[type='application/vnd.jupyter.widget-view+json']").length"""


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
    tab.on("request", outside)
    tab.on("pageerror", lambda error: complaints.append(f"script error: {error}"))
    tab.on("requestfailed", lambda request: complaints.append(f"failed request: {request.url}"))
    tab.on("response", lambda got: got.status >= 400 and complaints.append(f"status {got.status}: {got.url}"))
    tab.on("console", lambda said: said.type in LOUD and complaints.append(f"console: {said.text}"))
    tab.goto(f"{address}/{page}", wait_until="load")
    tab.evaluate(TOUCHED)
    with contextlib.suppress(Timeout):  # what is not drawn by then is found blank
        tab.wait_for_function(READY, timeout=30_000)
    yield tab, complaints
    tab.close()


def complaints_of(browser: Browser, address: str, site: Path, page: str) -> list[str]:
    """All complaints about a page: at a desk in the light, where it gets dark at last, and on a phone in the dark."""
    found = dead_links(site, page)
    with visit(browser, address, page, "light", DESK) as (tab, noise):
        found += blank_figures(tab) + without_text(tab) + dead_widgets(tab)
        found += differing_simulations(tab) + dead_controls(tab) + noise
        found += inaccessible(tab, "light") + inaccessible(tab, "dark")
    with visit(browser, address, page, "dark", PHONE) as (tab, noise):
        found += too_wide(tab) + blank_figures(tab) + crowded(tab) + noise
    return list(dict.fromkeys(found))


def blank_figures(tab: Page) -> list[str]:
    """Figures without a drawing surface or without a single drawn trace."""
    return [f"blank figure: {name}" for name in tab.evaluate(BLANK, LAYERS)]


def without_text(tab: Page) -> list[str]:
    """Pictures without alternative text."""
    return [f"picture without text: {html}" for html in tab.evaluate(WITHOUT_TEXT)]


def dead_widgets(tab: Page) -> list[str]:
    """Live widgets, which a page without a kernel cannot move."""
    return ["live widget in a static page"] if tab.evaluate(DEAD_WIDGETS) else []


def differing_simulations(tab: Page) -> list[str]:
    """Series that a page computes otherwise than brainlib did when the page was made, both at the start."""
    return [f"differs from brainlib: {series}" for series in tab.evaluate(DIFFERING)]


def inaccessible(tab: Page, scheme: str) -> list[str]:
    """What axe finds against WCAG 2.1 at levels A and AA. It comes last: the page is stripped for it."""
    tab.emulate_media(color_scheme=scheme)
    tab.evaluate(STRIP)
    tab.evaluate(AXE)
    run = "(rules) => axe.run({ runOnly: rules, preload: false, resultTypes: ['violations'] })"
    nodes = [(rule["id"], node) for rule in tab.evaluate(run, RULES)["violations"] for node in rule["nodes"]]
    return [f"{rule} ({scheme}): {node['target']} {node['html'][:120]}" for rule, node in nodes]


def too_wide(tab: Page) -> list[str]:
    """A page that scrolls sideways."""
    width, window = tab.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
    return [f"too wide: {width} px in a window of {window}"] if width > window else []


def crowded(tab: Page) -> list[str]:
    """Titles, notes and legends of figures that lie over one another or do not fit."""
    return tab.evaluate(CROWDED)


def dead_controls(tab: Page) -> list[str]:
    """Controls that a keyboard cannot move, or that do not change what their figure draws."""
    found, changed = [], f"([figure, layers, before]) => ({DRAWN})(figure, layers) !== before"
    for control in tab.query_selector_all("figure.brainlib :is(input, select)"):
        name, figure = control.get_attribute("id"), control.evaluate_handle("control => control.closest('figure')")
        before, said = figure.evaluate(DRAWN, LAYERS), control.evaluate("control => control.value")
        steps = control.evaluate("control => Number(control.max || control.length - 1)")
        control.evaluate("control => { document.activeElement?.blur(); control.focus(); }")
        for _ in range(min(steps, 5)):  # neighbouring states may be alike, all of them not
            tab.keyboard.press("ArrowRight" if control.get_attribute("type") == "range" else "ArrowDown")
            tab.evaluate(FRAMES)
            if figure.evaluate(DRAWN, LAYERS) != before:
                break
        else:
            with contextlib.suppress(Timeout):  # a slow figure
                tab.wait_for_function(changed, arg=[figure, LAYERS, before], timeout=2_000)
                continue
            moved = control.evaluate("control => control.value") != said
            found.append(f"dead control: {name} {'moves but changes nothing' if moved else 'does not move'}")
    return found
