"""The box that opens a chapter, which run captions speak of, and where numbers of the authors' networks come from."""

import json

import pytest

from brainlib.ledger import Measured, find_claims, read_claims, record, write
from brainlib.runs import Run
from chapters.timescales import figures, released
from chapters.timescales.figures_lesions import numbers_of, rounded, rows
from chapters.timescales.settings import SETTINGS


@pytest.fixture
def part(tmp_path, monkeypatch):
    """A folder with the part's claims and no records yet."""
    (tmp_path / "claims.toml").write_text(find_claims("chapters/timescales").read_text())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_box_says_what_the_recorded_runs_found(part):
    settings = {"conditions": {"multi-head": {"units": 100}}}
    leads = Measured([9, 10, 11, 10, 10], control=[1, 0, -1, 0, 0], settings=settings)
    write(part / "records", record("T1", leads, range(5), "laptop", "cpu").record)
    short = Measured([0.0] * 5, control=[0.0] * 5, reached=[11] * 5)
    write(part / "records", record("T2c", short, range(5), "laptop", "cpu").record)
    first, second, last = figures.found("T1", "T2", besides=["T2c"]).data.split("<li>")[1:]
    assert '<a href="#T1">' in first and "<strong>holds</strong>" in first and "5 networks, laptop, 100 units" in first
    assert read_claims(part / "claims.toml")["T2"].statement in second and "not recorded yet" in second
    assert last.startswith("Besides") and "<strong>out of domain</strong>" in last


def test_a_small_run_shows_the_recorded_laptop_run_and_a_larger_one_itself(monkeypatch):
    runs = [Run("lesions", profile, 0, {"of": profile}, {}) for profile in ("laptop", "paper")]
    monkeypatch.setattr(figures.runs, "kept", lambda name: runs)
    small, same = (figures.largest("lesions", profile, {"of": "here"}) for profile in ("ci", "laptop"))
    assert small == figures.Sample({"of": "laptop"}, "the recorded laptop run", "laptop")
    assert same == figures.Sample({"of": "here"}, "this laptop run", "laptop")


def test_tables_become_rows_and_small_numbers():
    assert list(rows({"a": {"3": 1}, "b": {}}, "what", "span")) == [{"what": "a", "span": "3", "value": 1}]
    assert rounded({"a": [1.234567, "b", 2]}) == {"a": [1.23457, "b", 2]}


def test_the_authors_networks_are_measured_from_laptop_up_and_else_as_recorded(monkeypatch):
    kept, lesions = [Run("released", "laptop", 0, {"of": "record"}, {})], SETTINGS["ci"].lesions
    monkeypatch.setattr(released.runs, "kept", lambda name: kept)
    monkeypatch.setattr(released, "study", lambda settings, device: {"of": "this run"})
    assert [released.known(lesions, profile)[0]["of"] for profile in ("ci", "laptop")] == ["record", "this run"]
    monkeypatch.setattr(released, "study", lambda settings, device: None)
    assert released.known(lesions, "laptop")[0] == {"of": "record"}
    kept.clear()
    assert released.known(lesions, "ci")[0] is None


def test_the_record_of_the_authors_networks_says_what_their_files_do():
    (kept,) = released.runs.kept("released", "chapters/timescales/records/runs")
    content = json.loads(json.dumps(kept.content))
    for condition, spans in released.OFFICIAL["networks"].items():
        numbers = numbers_of({name: [one] for name, one in content.items()}, condition)
        mean, *_, radius = spans["11"]
        assert (numbers["mean τ (bits)"], numbers["spectral radius of W"]) == pytest.approx((mean, radius), abs=6e-3)
