"""The states that pages infer are brainlib's: of the three-state filter, and of the spikes that a reader draws."""

import json
import random
from pathlib import Path

import torch
from page_browser import served
from page_checks import DESK, complaints_of, visit

from chapters.brainstates import chains, sketch

PAGE = "part/page.html"
SCRIPT = Path(__file__).parents[2] / "book" / "assets" / "draw_spikes.js"


def test_javascript_and_brainlib_agree(browser):
    draw, three = random.Random(0), chains.ThreeStates(0)
    settings = [
        {"stay": draw.uniform(0.34, 0.999), "neurons": draw.randint(1, 48), "known": known}
        for known in 5 * ["the past", "all of it"]
    ]
    spikes = [(torch.rand(60, 6, generator=torch.Generator().manual_seed(n)) < 0.2).int() for n in range(5)]
    context = browser.new_context()
    tab = context.new_page()
    tab.add_script_tag(path=SCRIPT)
    computed = tab.evaluate(f"(settings) => settings.map({three.script()})", settings)
    inferred = tab.evaluate(
        """([model, all]) => all.map((spikes) => brainlibPrograms["draw_spikes.js"].infer(model, spikes, true))""",
        [json.loads(sketch.content()), [one.tolist() for one in spikes]],
    )
    context.close()
    for setting, series in zip(settings, computed, strict=True):
        expected = three.posterior(**setting)
        for s, name in enumerate("ABC"):
            torch.testing.assert_close(torch.tensor(series[name]).double(), expected[:, s], rtol=1e-6, atol=1e-9)
        wrong = [y is not None for y in series["wrong"]]
        assert wrong == (expected.argmax(1) != three.states).tolist()
    for one, found in zip(spikes, inferred, strict=True):
        torch.testing.assert_close(torch.tensor(found).double(), sketch.inferred(one), rtol=1e-6, atol=1e-6)


def test_a_reader_draws_by_keys(browser, write_page) -> None:
    site = write_page(sketch.figure().html())
    with served(site) as address:
        assert complaints_of(browser, address, site, PAGE) == []
        with visit(browser, address, PAGE, "light", DESK) as (tab, noise):
            said = tab.locator("#draw-spikes .live-status")
            tab.wait_for_function("() => document.querySelector('.live-status').textContent.includes('Bin 20')")
            tab.get_by_text("no spikes").click()
            tab.locator("#draw-spikes-bin").press("ArrowLeft")
            tab.wait_for_function("() => document.querySelector('.live-status').textContent.includes('Bin 19')")
            tab.get_by_text("waves down from here").click()
            tab.wait_for_function(
                "() => Number(/down ([.0-9]+),/.exec(document.querySelector('.live-status').textContent)[1]) > 0.5"
            )
            assert "up 0.0" in said.text_content() and not noise
