"""What pages compute is what brainlib does: the network whose units are killed, one synapse, states of spikes."""

import base64
import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from page_browser import served
from page_checks import DESK, complaints_of, visit
from playwright.sync_api import Page

from brainlib.timescales.lesions import perturbed_weight
from chapters.astrosnn.one_synapse import one_synapse, script
from chapters.brainstates import chains, sketch
from chapters.timescales import live_network
from chapters.timescales.networks import CONDITIONS

PAGE = "part/page.html"
SCRIPT = Path(__file__).parents[2] / "book" / "assets" / "live_network.js"
WEIGHTS = base64.b64encode(live_network.PATH.read_bytes()).decode()
CASES, PUSHES, BATCH = 500, 20, 50
TOLERANCE = 1e-5  # of the largest state of a case; states come back as float32
READ = """([name, data, directions]) => {
    const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
    window.network = window.brainlibPrograms["live_network.js"].read(bytes(data))[name];
    window.directions = directions.map((text) => new Float64Array(bytes(text)));
}"""
COMPUTED = """(cases) => {
    const { harmed, run, answers } = window.brainlibPrograms["live_network.js"], { units } = network;
    return cases.map(({ bits, dead, push, direction, stretch }) => {
        const now = harmed(network, { dead, push, direction: directions[direction], stretch });
        const states = run(now, bits), short = new Uint8Array(Float32Array.from(states.subarray(units)).buffer);
        const said = answers(now, states, bits.length * units);
        return [btoa(Array.from(short, (c) => String.fromCharCode(c)).join("")), said];
    });
}"""
WORK = """async (id) => {
    const slider = document.getElementById(id), next = window.requestAnimationFrame, spent = [];
    window.requestAnimationFrame = (work) => next((time) => {
        const begun = performance.now();
        work(time);
        spent.push(performance.now() - begun);
    });
    for (let frame = 0; frame < 60; frame++) {
        slider.value = (frame % 50) / 100;
        slider.dispatchEvent(new Event("input"));
        await new Promise(next);
    }
    return spent.sort((a, b) => a - b)[spent.length >> 1];
}"""


@pytest.fixture
def program(browser) -> Iterator[Page]:
    """A page with the program alone."""
    context = browser.new_context()
    tab = context.new_page()
    tab.add_script_tag(path=SCRIPT)
    yield tab
    context.close()


def direction(units: int, number: int) -> str:
    """What `perturbed_weight` draws."""
    drawn = torch.randn(units, units, dtype=torch.float64, generator=torch.Generator().manual_seed(number))
    drawn.fill_diagonal_(0)
    return base64.b64encode(drawn.numpy().tobytes()).decode()


@pytest.mark.parametrize("name", CONDITIONS)
def test_javascript_and_brainlib_agree_whatever_is_harmed(program: Page, name: str) -> None:
    network, _ = live_network.load(name)
    network, draw, units = network.double(), random.Random(0), network.units
    directions = [direction(units, number) for number in range(PUSHES)]
    cases = [
        {
            "bits": [draw.randrange(2) for _ in range(draw.randint(1, 40))],
            "dead": draw.sample(range(units), draw.choice([0, 1, 3, 10])),
            "push": draw.choice([0.0, draw.random()]),
            "direction": draw.randrange(PUSHES),
            "stretch": draw.choice([1.0, draw.uniform(0.5, 3)]),
        }
        for _ in range(CASES)
    ]
    program.evaluate(READ, [name, WEIGHTS, directions])
    for first in range(0, CASES, BATCH):
        batch = cases[first : first + BATCH]
        for case, (states, said) in zip(batch, program.evaluate(COMPUTED, batch), strict=True):
            generator = torch.Generator().manual_seed(case["direction"])
            pushed = perturbed_weight(network, case["push"], generator)
            expected = live_network.stretched(
                live_network.killed(pushed, torch.tensor(case["dead"], dtype=torch.int64)), case["stretch"]
            )
            bits = torch.tensor(case["bits"], dtype=torch.float64)[:, None, None]
            with torch.no_grad():
                there, last = expected.run(bits)
                odd = expected.read(last).softmax(-1)[:, 0, 1]
            found = torch.from_numpy(np.frombuffer(base64.b64decode(states), "<f4").copy()).view(-1, units)
            assert torch.allclose(found.double(), there[:, 0], rtol=0, atol=TOLERANCE * float(there.abs().max())), case
            assert torch.allclose(torch.tensor(said, dtype=torch.float64), odd, rtol=0, atol=TOLERANCE), case


def test_a_reader_kills_pushes_and_stretches_within_a_frame(browser, write_page) -> None:
    site = write_page(live_network.figure().html())
    with served(site) as address:
        assert complaints_of(browser, address, site, PAGE) == []
        with visit(browser, address, PAGE, "light", DESK) as (tab, noise):
            status = tab.locator(".live-status")

            def said(words: str) -> None:
                tab.wait_for_function(
                    "(words) => document.querySelector('.live-status').textContent.includes(words)", arg=words
                )

            said("0 of 100 neurons dead. Right on random bits: 100 % at span 2, 100 % at span 11.")
            tab.focus("#lesions-alive-unit")
            tab.keyboard.press("ArrowDown")
            tab.keyboard.press("Space")
            said("1 of 100 neurons dead")
            assert tab.get_attribute("#lesions-alive-unit", "aria-valuetext").endswith(", dead")
            before = tab.input_value("textarea")
            tab.keyboard.type("01x1")
            assert tab.input_value("textarea") == before + "011"
            tab.fill("textarea", "1 0 one 1")
            assert tab.input_value("textarea") == "101"
            tab.wait_for_function(
                "document.querySelector('.live-answers tbody tr:nth-child(3)').innerText.includes('–')"
            )
            row = {"x": 100, "y": 18 + 4 * 49.5}
            tab.locator(".brainlib-plot canvas").click(position=row)
            said("2 of 100 neurons dead")
            tab.locator(".brainlib-plot canvas").click(position=row)
            said("1 of 100 neurons dead")
            tab.get_by_text("kill 10 fastest").click()
            said("11 of 100 neurons dead")
            assert "100 % at span 11" not in status.inner_text()
            tab.get_by_text("revive all").click()
            said("0 of 100 neurons dead. Right on random bits: 100 %")
            tab.get_by_text("kill 10 at random").click()
            said("10 of 100 neurons dead")
            tab.get_by_label("network").select_option("single-head")
            said("0 of 100 neurons dead. Right on random bits: 97 % at span 11.")
            assert tab.evaluate(WORK, "lesions-alive-push") < 8  # milliseconds of each frame's 16, the middle one
            assert noise == []


def test_a_finger_chooses_a_neuron_and_the_buttons_kill_it(browser, write_page) -> None:
    site = write_page(live_network.figure().html())
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    with served(site) as address:
        tab = context.new_page()
        tab.goto(f"{address}/{PAGE}")
        tab.locator(".brainlib-plot canvas").tap(position={"x": 100, "y": 18 + 4 * 49.5})
        assert tab.input_value("#lesions-alive-unit") == "50"
        tab.get_by_text("faster", exact=True).tap()
        tab.get_by_text("kill this one").tap()
        tab.wait_for_function("document.querySelector('.live-status').textContent.includes('1 of 100 neurons dead')")
        assert tab.get_attribute("#lesions-alive-unit", "aria-valuetext").startswith("51, ")
        small = "(found) => found.filter((one) => one.offsetHeight < 24).map((one) => one.outerHTML)"
        assert tab.locator("#lesions-alive :is(button, input, select, textarea)").evaluate_all(small) == []
    context.close()


def test_the_synapse_is_brainlibs(browser) -> None:
    draw = random.Random(0)
    settings = [
        {
            "memory": draw.uniform(1, 2048) if n % 2 else draw.uniform(1, 40),
            "gain": draw.uniform(0, 0.6),
            "threshold": draw.uniform(0.3, 1.6),
            "first_cue": draw.randrange(128),
            "second_cue": draw.randrange(128),
            "question": draw.randrange(128),
            "asked_for": draw.choice(["first", "second"]),
        }
        for n in range(60)
    ]
    context = browser.new_context()
    computed = context.new_page().evaluate(f"(settings) => settings.map({script()})", settings)
    context.close()
    for setting, traces in zip(settings, computed, strict=True):
        expected = one_synapse(**setting)._asdict()
        assert list(traces) == list(expected)
        for name, series in expected.items():
            found = torch.tensor(traces[name], dtype=torch.float64)
            assert torch.allclose(found, series, rtol=1e-9, atol=1e-12), (name, setting)


SPIKES = Path(__file__).parents[2] / "book" / "assets" / "draw_spikes.js"


def test_the_states_are_brainlibs(browser):
    draw, three = random.Random(0), chains.ThreeStates(0)
    settings = [
        {"stay": draw.uniform(0.34, 0.999), "neurons": draw.randint(1, 48), "known": known}
        for known in 5 * ["the past", "all of it"]
    ]
    spikes = [(torch.rand(60, 6, generator=torch.Generator().manual_seed(n)) < 0.2).int() for n in range(5)]
    context = browser.new_context()
    tab = context.new_page()
    tab.add_script_tag(path=SPIKES)
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
