"""The ledger: verdicts follow from what was claimed and measured, and from nothing else."""

import json
import random
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refused

from brainlib import ledger
from brainlib.ledger.chapter import findings
from brainlib.ledger.records import Record, _pool
from brainlib.ledger.verdicts import Verdict

CLAIMS = """
[C1]
statement = "A remembers <more> than B."
source = "Fig. 7"
paper = "101 against 35"
measure = "longest span of A less that of B"
unit = "spans"
least = 2
reason = "one epoch more or less moves a span or two"
control = "B of another seed"
expected = "holds"

[C2]
statement = "Without the trap nothing changes."
source = "this book"
paper = "not reported"
measure = "mean tau with less without"
unit = "bits"
least = 0.5
reason = "a tenth of the range"
control = "a network whose tau are moved by 1"
side = "within"

[C3]
statement = "The curve turns."
source = "Fig. 3"
paper = "it turns at 15"
measure = "slope after 15"
unit = "bits"
least = 0.1
reason = "it can be seen"
control = "untrained"
side = "below"
domain = { what = "longest span", from = 20 }
seeds = 3

[K1]
statement = "Two forms are one function."
measure = "largest difference"
check = { at_most = 1e-10 }

[F1]
statement = "About one neuron in twenty fires."
source = "Sec. 6.4"
paper = "about 5 %"
measure = "share of neurons"
holds = { at_least = 0.025, at_most = 0.075 }
seeds = 2
profile = "laptop"
asserted = ["laptop"]
"""


@pytest.fixture
def claims(tmp_path, monkeypatch):
    folder = tmp_path / "chapters" / "part"
    folder.mkdir(parents=True)
    (folder / "claims.toml").write_text(CLAIMS)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("BRAINLIB_RECORDS", raising=False)
    return folder / "claims.toml"


def verdict(claim, values, profile="laptop", seeds=None, **more):
    found = ledger.Measured(values, **more)
    return ledger.record(claim, found, range(len(values)) if seeds is None else seeds, profile, "cpu")


@pytest.mark.parametrize(
    ("claim", "values", "more", "outcome"),
    [
        ("C1", [9, 10, 11, 10, 9], {"control": [0, 1, -1, 0, 0]}, "holds"),
        ("C1", [9, 10, 11, 10, 9], {"control": [9, 8, 9, 8, 9]}, "void"),
        ("C1", [9, 10, 11, 10, 9], {"control": [9, 0, 9, 0, 9]}, "undecided"),  # it may show it too
        ("C1", [9, 10, 11, 10, 9], {}, "undecided"),  # no control
        ("C1", [9, 10, 11, 10], {"control": [0, 0, 0, 0]}, "undecided"),  # four seeds of five
        ("C1", [9, 10, 11, 10, 9], {"control": [0] * 5, "profile": "ci"}, "out of domain"),
        ("C1", [1, 1.2, 0.9, 1, 1.1], {"control": [0] * 5}, "fails"),  # there, but too small to matter
        ("C1", [-9, -10, -9, -8, -9], {"control": [0] * 5}, "fails"),
        ("C1", [9, -10, 11, 10, 9], {"control": [0] * 5}, "undecided"),
        ("C2", [0.1, -0.1, 0.2, 0, 0], {"control": [1, 1.1, 0.9, 1, 1]}, "holds"),
        ("C2", [0.1, -0.1, 0.2, 0, 0], {"control": [0, 0.1, 0, 0, 0]}, "void"),  # the measure sees nothing
        ("C2", [1, 1.1, 1.2, 1, 1], {"control": [1, 1.1, 0.9, 1, 1]}, "fails"),
        ("C2", [0.4, 0.6, 0.5, 0.4, 0.6], {"control": [1, 1.1, 0.9, 1, 1]}, "undecided"),
        ("C3", [-0.4, -0.5, -0.45], {"control": [0, 0, 0], "reached": [20, 21, 22]}, "holds"),
        ("C3", [-0.4, -0.5, -0.45], {"control": [0, 0, 0], "reached": [20, 19, 22]}, "out of domain"),
        ("C3", [0.4, 0.5, 0.45], {"control": [0, 0, 0], "reached": [20, 21, 22]}, "fails"),
        ("K1", [1e-10], {"profile": "ci"}, "holds"),
        ("K1", [1.1e-10], {"profile": "ci"}, "fails"),
        ("F1", [0.025, 0.075], {}, "holds"),
        ("F1", [0.05, 0.08], {}, "fails"),
        ("F1", [0.05], {}, "too few seeds"),
        ("F1", [0.05, 0.05], {"profile": "ci"}, "only run small"),
    ],
)
def test_the_verdict_follows_from_effect_and_control(claims, claim, values, more, outcome):
    found = verdict(claim, values, **more)
    assert found.outcome == outcome and bool(found.why) == (outcome in ("void", "undecided", "out of domain"))
    assert outcome in repr(found) and outcome in found._repr_html_()


@pytest.mark.parametrize("id", ["C1", "C3"])
def test_no_effect_holds_by_chance_in_at_most_five_of_a_hundred_studies(claims, id):
    claim = replace(ledger.read_claims(claims)[id], least=1e-6, domain=None, seeds=5)
    generator = np.random.default_rng(0)
    outcomes = []
    for _ in range(400):
        effect, control = generator.normal(size=(2, 5))
        outcomes.append(Verdict(claim, measured(effect, control)).outcome)
    assert outcomes.count("holds") <= 20


@given(st.lists(st.floats(-5, 5), min_size=5, max_size=9), st.floats(3, 50))
@settings(max_examples=50, deadline=None)
def test_a_control_that_shows_the_effect_voids_it(values, shift):
    claim = ledger.Claim("C", "s", "s", "p", "m", "u", least=0.5, reason="r", control="c")
    control = [shift + 0.001 * value for value in values]
    assert Verdict(claim, measured(values, control)).outcome == "void"


@given(st.permutations(range(6)))
@settings(max_examples=20, deadline=None)
def test_the_order_of_records_changes_nothing(order):
    records = [measured([0.1 * seed], [0.0], seeds=[seed], code="a" if seed < 4 else "b") for seed in range(6)]
    pooled = _pool([records[place] for place in order])
    assert pooled == _pool(records)
    assert [one.seeds for one in pooled] == [(0, 1, 2, 3), (4, 5)]  # other code is another experiment


def measured(values, control, seeds=None, code="") -> Record:
    seeds = tuple(range(len(values)) if seeds is None else seeds)
    return Record("C", tuple(values), seeds, "laptop", {"time": "2026"}, tuple(control), code=code)


def test_an_undecided_claim_says_how_many_seeds_would_decide(claims):
    found = verdict("C1", [9, -10, 11, 10, 9], control=[0] * 5)
    needed = int(re.search(r"(\d+) seeds would decide", found.why).group(1))
    generator = random.Random(0)
    values = [generator.gauss(5.8, 8.9) for _ in range(4 * needed)]
    assert 8 <= needed <= 20 and verdict("C1", values, control=[0] * len(values)).outcome == "holds"


def test_a_card_leads_with_the_largest_valid_recorded_run(claims, monkeypatch):
    monkeypatch.setenv("BRAINLIB_RECORDS", str(claims.parent / "records"))
    verdict("C1", [9, 10, 11, 10, 9], control=[0] * 5)
    verdict("C1", [3.5], "ci", control=[0], seeds=[0])
    found = verdict("C1", [2.5], "ci", control=[0], seeds=[1])
    assert found.outcome == "out of domain" and ledger.leading((*found.kept, found)).profile == "laptop"
    page = found._repr_html_()
    assert page.index("holds</strong>") < page.index("this ci run: out of domain, 2.5 spans")
    for part in ("A remembers &lt;more&gt; than B.", "9.8 (8.76 to 10.8) spans", "101 against 35", "Fig. 7"):
        assert part in page
    assert "9.8 (8.76 to 10.8) spans" in repr(found)


def test_of_a_bound_the_run_that_breaks_it_leads(claims, monkeypatch):
    monkeypatch.setenv("BRAINLIB_RECORDS", str(claims.parent / "records"))
    verdict("F1", [0.5], "paper")
    found = verdict("F1", [0.05, 0.05])
    assert found.outcome == "holds" and ledger.leading((*found.kept, found)).outcome == "fails"


def test_a_card_brings_its_look_into_a_notebook_and_links_in_the_page(claims, monkeypatch):
    monkeypatch.delenv("BRAINLIB_PAGE", raising=False)
    found = verdict("K1", [1], "ci")
    assert "border-left:5px double" in found._repr_html_() and "href" not in found._repr_html_()
    monkeypatch.setenv("BRAINLIB_PAGE", "1")
    assert "style=" not in found._repr_html_() and 'href="../../book/scoreboard.html#K1"' in found._repr_html_()


def test_a_record_survives_the_file_and_is_judged_anew(claims, tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINLIB_RECORDS", str(tmp_path / "records"))
    monkeypatch.setattr(ledger.records, "MEASURES", {"C1": ledger.interval})
    first = verdict("C1", [9, 10, 11, 10, 9], control=[0] * 5, settings={"units": 100})
    (again,) = ledger.read_records(tmp_path / "records", ledger.read_claims(claims))
    assert again == first and again.record.settings == {"units": 100} and len(again.record.code) == 16
    text = next((tmp_path / "records").iterdir()).read_text()
    assert "holds" not in text and json.loads(text)["provenance"]["device"] == "cpu"
    claims.write_text(CLAIMS.replace("least = 2", "least = 20"))
    (again,) = ledger.read_records(tmp_path / "records", ledger.read_claims(claims))
    assert again.outcome == "fails"


def test_seeds_recorded_apart_are_judged_together_where_settings_are_equal(claims, monkeypatch):
    folder = claims.parent / "records"
    monkeypatch.setenv("BRAINLIB_RECORDS", str(folder))
    for seed in (2, 0, 4, 1, 3):
        verdict("C1", [9 + seed % 2], control=[0], seeds=[seed], settings={"units": 100})
    (pooled,) = ledger.read_records(folder, ledger.read_claims(claims))
    assert (pooled.outcome, pooled.values, pooled.seeds) == ("holds", (9, 10, 9, 10, 9), (0, 1, 2, 3, 4))
    verdict("C1", [9], control=[0], seeds=[5], settings={"units": 200})
    verdict("C1", [9], control=[0], seeds=[4], settings={"units": 100})  # seed 4 again
    assert [len(one.seeds) for one in ledger.read_records(folder, ledger.read_claims(claims))].count(1) == 2


def test_nothing_is_written_without_a_folder(claims, tmp_path):
    verdict("K1", [0], "ci")
    assert not list(tmp_path.rglob("*.json"))


def test_a_bad_record_is_refused_by_name(claims, tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINLIB_RECORDS", str(tmp_path / "records"))

    def bad(message, **arguments):
        good = {"claim": "C1", "values": [1.0], "seeds": [0], "profile": "ci", "device": "cpu"}
        refused(re.escape(message), ledger.record, **(good | arguments))
        assert not (tmp_path / "records").exists()

    bad("claim: got 'B9', expected one of C1, C2, C3", claim="B9")
    bad("profile: got 'big', expected one of ci, laptop, paper", profile="big")
    bad("values: got 2 values for 1 seeds", values=[1.0, 2.0])
    bad("seeds: got (), expected at least one", values=[], seeds=[])
    bad("values: got nan for seed 0, expected finite numbers", values=[float("nan")])
    bad("control: got 2 values for 1 seeds", values=ledger.Measured([1.0], control=[1.0, 2.0]))
    bad("seeds: got (4, 4), expected at least one, each seed once", values=[1.0, 2.0], seeds=[4, 4])
    bad("device: got 'toaster'", device="toaster")


def test_a_bad_claim_is_refused_by_name(claims):
    def spoilt(old, new, message):
        claims.write_text(CLAIMS.replace(old, new))
        refused(re.escape(message), ledger.read_claims, claims)

    spoilt("least = 2\n", "least = 0\n", "claim C1: least is 0, expected a finite number above 0")
    spoilt("least = 2\n", "", "claim C1: least is missing")
    spoilt('side = "within"', 'side = "equal"', "claim C2: side is 'equal', expected one of above, below, within")
    spoilt('expected = "holds"', 'expected = "yes"', "claim C1: expected is 'yes'")
    spoilt('control = "untrained"\n', "", "claim C3: control is missing")
    spoilt('what = "longest span", ', "", "claim C3: domain has from, expected what and from")
    spoilt("at_most = 1e-10", "about = 1", "claim K1: bound is {'about': 1}")
    spoilt("at_most = 1e-10", 'at_most = "small"', "claim K1: at_most is 'small', expected a finite number")
    spoilt("at_most = 0.075", "at_most = 0.02", "which no number can keep")
    spoilt("seeds = 3", "seeds = 0", "claim C3: seeds is 0")
    spoilt('profile = "laptop"', 'profile = "big"', "claim F1: profile: got 'big'")
    spoilt('asserted = ["laptop"]', 'asserted = ["ci"]', "claim F1: asserted at 'ci'")
    spoilt("seeds = 3", "sedes = 3", "claim C3 has the unknown key 'sedes'")
    spoilt('paper = "about 5 %"', "paper = 5", "claim F1: paper is 5, expected text")
    spoilt("[C1]", "title = 1\n[C1]", "title is not a table")


def test_the_box_says_what_the_recorded_runs_found(claims):
    settings = {"conditions": {"many heads": {"units": 100}}}
    runs = [verdict("C1", [9, 10, 11, 10, 9], control=[0] * 5, settings=settings), verdict("F1", [0.05, 0.06])]
    runs += [verdict("C3", [-0.4, -0.5, -0.45], control=[0, 0, 0], reached=[20, 19, 22])]
    for run in runs:
        ledger.write(claims.parent / "records", run.record)
    first, second, third, last = findings("C1", "F1", "C2", besides=["C3"]).data.split("<li>")[1:]
    assert '<a href="#C1">' in first and "&lt;more&gt;" in first and "<strong>holds</strong>" in first
    assert "9.8 (8.76 to 10.8) spans, 5 seeds; laptop, 100 units" in first
    assert "<strong>first edition, not yet re-made: holds</strong>" in second and "share of neurons; laptop" in second
    assert "not recorded yet" in third
    assert last.startswith("Besides") and "<strong>out of domain</strong>" in last
    (only,) = findings("F1").data.split("<li>")[1:]
    assert "not yet re-made" in findings("F1").data and "<strong>holds</strong>" in only and "edition" not in only
    refused("besides: got C9, expected claims of", findings, "C1", besides=["C9"])


def test_a_claim_that_a_profile_does_not_measure_has_its_place(claims):
    assert ledger.record("F1", {"F1": 0.05}, [0], "laptop", "cpu").outcome == "too few seeds"
    assert '<p id="F1">' in ledger.record("F1", {}, [0], "ci").data


def test_the_absence_of_claims_is_said(claims, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=re.escape(f"no claims.toml in {tmp_path}")):
        ledger.record("K1", values=[0], seeds=[0], profile="ci", device="cpu")
    assert ledger.record("K1", [0], [0], "ci", "cpu", claims=claims).outcome == "holds"


@pytest.mark.parametrize("content", ["{", "{}", '{"claim": "B9"}', '{"claim": "C1", "values": [1]}'])
def test_a_broken_record_is_named(claims, tmp_path, content):
    path = tmp_path / "C1-ci.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=re.escape(str(path))):
        ledger.read_records(tmp_path, ledger.read_claims(claims))
