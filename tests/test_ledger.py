"""The ledger: verdicts follow from the claim's rule and from nothing else."""

import json
import re

import pytest

from brainlib import ledger

CLAIMS = """
[B1]
statement = "Two forms are <one> function."
source = "eq. (8)"
paper = "exact"
measure = "largest difference"
holds = { at_most = 1e-10 }
asserted = ["ci", "laptop"]

[B2]
statement = "A is ahead of B."
source = "Fig. 7"
paper = "ahead"
measure = "loss of B less loss of A"
holds = { above = 0.0, below = 5.0 }
seeds = 3
profile = "laptop"

[B3]
statement = "About one neuron in twenty fires."
source = "Sec. 6.4"
paper = "about 5 %"
measure = "share of neurons"
holds = { between = [0.025, 0.075] }
"""


@pytest.fixture
def claims(tmp_path, monkeypatch):
    folder = tmp_path / "chapters" / "part"
    folder.mkdir(parents=True)
    (folder / "claims.toml").write_text(CLAIMS)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("BRAINLIB_RECORDS", raising=False)
    return folder / "claims.toml"


@pytest.mark.parametrize(
    ("claim", "values", "profile", "outcome"),
    [
        ("B1", [1e-10], "ci", "holds"),
        ("B1", [1.1e-10], "ci", "fails"),
        ("B2", [1, 2, 3], "laptop", "holds"),
        ("B2", [1, 2, 0], "laptop", "fails"),  # every seed must keep a strict rule
        ("B2", [1, 2, 5], "paper", "fails"),
        ("B2", [1, 2], "laptop", "too few seeds"),
        ("B2", [1, 0], "laptop", "fails"),  # which no third seed could mend
        ("B2", [1, 2, 3], "ci", "only run small"),
        ("B3", [0.025, 0.075], "ci", "holds"),
        ("B3", [0.05, 0.08], "ci", "fails"),
    ],
)
def test_the_outcome_follows_from_the_rule(claims, claim, values, profile, outcome):
    verdict = ledger.record(claim, values=values, seeds=range(len(values)), profile=profile, device="cpu")
    assert verdict.outcome == outcome
    assert outcome in repr(verdict) and outcome in verdict._repr_html_()


def test_the_page_shows_paper_measurement_and_run(claims):
    verdict = ledger.record("B3", values=[0.04, 0.06], seeds=[0, 1], profile="ci", device="cpu", note="a & b")
    page = verdict._repr_html_()
    for part in (
        "about 5 %",
        "Sec. 6.4",
        "0.05 (0.04 to 0.06 over 2 seeds)",
        "at least 0.025 and at most 0.075",
        "ci profile",
    ):
        assert part in page and part in repr(verdict)
    assert 'class="claim claim-holds"' in page and "a &amp; b" in page
    assert "Two forms are &lt;one&gt;" in ledger.record("B1", [1], [0], "ci", "cpu")._repr_html_()


def test_a_card_brings_its_look_into_a_notebook_and_leaves_the_page_to_its_stylesheet(claims, monkeypatch):
    monkeypatch.delenv("BRAINLIB_PAGE", raising=False)
    verdict = ledger.record("B1", values=[1], seeds=[0], profile="ci", device="cpu")
    assert "border-left:5px double" in verdict._repr_html_()
    monkeypatch.setenv("BRAINLIB_PAGE", "1")
    assert "style=" not in verdict._repr_html_()


def test_a_record_survives_the_file_and_is_judged_anew(claims, tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINLIB_RECORDS", str(tmp_path / "records"))
    first = ledger.record("B1", values=[1e-12], seeds=[7], profile="ci", device="cpu", note="first")
    second = ledger.record("B1", values=[1e-3], seeds=[7], profile="ci", device="cpu")
    known = ledger.read_claims(claims)
    assert ledger.read_records(tmp_path / "records", known) == [second, first]  # the second file sorts first
    text = (tmp_path / "records" / "B1-ci-seed7.json").read_text()
    assert "holds" not in text and json.loads(text)["provenance"]["device"] == "cpu"
    claims.write_text(CLAIMS.replace("1e-10", "1e-15"))
    outcomes = {verdict.outcome for verdict in ledger.read_records(tmp_path / "records", ledger.read_claims(claims))}
    assert outcomes == {"fails"}


def test_seeds_recorded_apart_are_judged_together(claims, monkeypatch):
    folder = claims.parent / "records"
    monkeypatch.setenv("BRAINLIB_RECORDS", str(folder))
    for seed in (0, 1, 2):
        before = ledger.record(
            "B2", values=[1 + seed], seeds=[seed], profile="laptop", device="cpu", note=f"run {seed}"
        )
        assert before.outcome == "too few seeds"
    (pooled,) = ledger.read_records(folder, ledger.read_claims(claims))
    assert (pooled.outcome, pooled.values, pooled.seeds) == ("holds", (1, 2, 3), (0, 1, 2))
    assert pooled.note == "run 0 run 1 run 2"
    ledger.record("B2", values=[-1], seeds=[2], profile="laptop", device="cpu")  # seed 2 again: a verdict of its own
    assert len(ledger.read_records(folder, ledger.read_claims(claims))) == 2


def test_a_small_run_shows_the_larger_one_that_is_kept(claims, monkeypatch):
    monkeypatch.setenv("BRAINLIB_RECORDS", str(claims.parent / "records"))
    ledger.record("B2", values=[1, 2, 3], seeds=[0, 1, 2], profile="laptop", device="cpu")
    verdict = ledger.record("B2", values=[1], seeds=[0], profile="ci", device="cpu")
    assert verdict.outcome == "only run small" and [run.outcome for run in verdict.recorded] == ["holds"]
    for text in (verdict._repr_html_(), repr(verdict)):
        assert "only run small" in text and "2 (1 to 3 over 3 seeds)" in text


def test_nothing_is_written_without_a_folder(claims, tmp_path):
    ledger.record("B1", values=[0], seeds=[0], profile="ci", device="cpu")
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"claim": "B9"}, "claim: got 'B9', expected one of B1, B2, B3"),
        ({"profile": "big"}, "profile: got 'big', expected one of ci, laptop, paper"),
        ({"values": [1.0, 2.0]}, "values: got 2 values for 1 seeds"),
        ({"values": [], "seeds": []}, "values: got 0 values for 0 seeds"),
        ({"values": [float("nan")]}, "values: got nan for seed 0, expected finite numbers"),
        ({"values": [1.0, 2.0], "seeds": [4, 4]}, r"seeds: got (4, 4), expected each seed once"),
        ({"device": "toaster"}, "device: got 'toaster'"),
    ],
)
def test_a_bad_record_is_refused_by_name(claims, tmp_path, monkeypatch, arguments, message):
    monkeypatch.setenv("BRAINLIB_RECORDS", str(tmp_path / "records"))
    good = {"claim": "B1", "values": [1.0], "seeds": [0], "profile": "ci", "device": "cpu"}
    with pytest.raises(ValueError, match=re.escape(message)):
        ledger.record(**(good | arguments))
    assert not (tmp_path / "records").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("at_most = 1e-10", "about = 1", "claim B1: holds is {'about': 1}, expected numbers for at_most"),
        ("at_most = 1e-10", "", "claim B1: holds is {}"),
        ("at_most = 1e-10", 'at_most = "small"', "claim B1: holds is {'at_most': 'small'}, expected numbers"),
        ("[0.025, 0.075]", "0.05, above = 0", "claim B3: holds is {'between': 0.05, 'above': 0}, expected numbers"),
        ("[0.025, 0.075]", "[2, 1]", "claim B3: holds is {'between': [2, 1]}, which no number can keep"),
        ("seeds = 3", "seeds = 0", "claim B2: seeds: got 0"),
        ('profile = "laptop"', 'profile = "big"', "claim B2: profile: got 'big'"),
        ('profile = "laptop"', 'profile = "laptop"\nasserted = ["ci"]', "claim B2: asserted at 'ci'"),
        ("seeds = 3", "sedes = 3", "claim B2 has the unknown key 'sedes'"),
        ('paper = "ahead"', "", "claim B2: paper is None, expected text"),
        ("[B1]", "title = 1\n[B1]", "title is not a table"),
    ],
)
def test_a_bad_claim_is_refused_by_name(claims, old, new, message):
    claims.write_text(CLAIMS.replace(old, new))
    with pytest.raises(ValueError, match=re.escape(message)):
        ledger.read_claims(claims)


def test_claims_are_found_upwards_and_their_absence_is_said(claims, tmp_path, monkeypatch):
    (claims.parent / "deeper").mkdir()
    assert ledger.find_claims(claims.parent / "deeper") == claims
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=re.escape(f"no claims.toml in {tmp_path}")):
        ledger.record("B1", values=[0], seeds=[0], profile="ci", device="cpu")
    assert ledger.record("B1", [0], [0], "ci", "cpu", claims=claims).outcome == "holds"


@pytest.mark.parametrize("content", ["{", "{}", '{"claim": "B9"}', '{"claim": "B1", "values": [1]}'])
def test_a_broken_record_is_named(claims, tmp_path, content):
    path = tmp_path / "B1-ci.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=re.escape(str(path))):
        ledger.read_records(tmp_path, ledger.read_claims(claims))
