import numpy
import pytest
from refusals import refused

from brainlib import runs


def test_what_is_kept_is_found_again(tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINLIB_RECORDS", str(tmp_path))
    content = {"losses": [0.1, 1 / 3], "name": "σ"}
    runs.keep("curve", content, profile="laptop", seed=3, device="cpu")
    (run,) = runs.kept("curve", tmp_path / "runs")
    assert (run.name, run.profile, run.seed, run.content) == ("curve", "laptop", 3, content)
    assert run.provenance["device"] == "cpu"
    assert runs.kept("other", tmp_path / "runs") == []


def test_outside_a_build_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.delenv("BRAINLIB_RECORDS", raising=False)
    monkeypatch.chdir(tmp_path)
    runs.keep("curve", {}, profile="ci", seed=0, device="cpu")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [{"loss": float("nan")}, {"loss": {1, 2}}])
def test_what_is_not_plain_json_is_refused(tmp_path, monkeypatch, content):
    monkeypatch.setenv("BRAINLIB_RECORDS", str(tmp_path))
    with pytest.raises(ValueError, match="content: expected plain JSON"):
        runs.keep("curve", content, profile="ci", seed=0, device="cpu")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["{", "[]", '{"name": "curve"}'])
def test_a_broken_file_is_named(tmp_path, text):
    (tmp_path / "curve-ci-seed0.json").write_text(text)
    with pytest.raises(ValueError, match=r"curve-ci-seed0.json: not a run"):
        runs.kept("curve", tmp_path)


def test_a_wrong_parameter_of_a_chapter_is_named():
    runs.check("ci", numpy.int64(0), "cpu")
    refused("^profile: got 'lptop'", runs.check, profile="lptop", seed=0, device="auto")
    refused("^seed: got 'one', expected a whole number", runs.check, profile="ci", seed="one", device="auto")
    refused("^device: got 'gpu'", runs.check, profile="ci", seed=0, device="gpu")


def test_recorded_runs_are_found_from_below_and_missed_aloud(tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINLIB_RECORDS", str(tmp_path / "part" / "records"))
    runs.keep("curve", {}, profile="ci", seed=0, device="cpu")
    below = tmp_path / "part" / "notes"
    below.mkdir()
    monkeypatch.chdir(below)
    refused(r"claims: no claims.toml in .*notes or in a folder above it; a chapter runs", runs.kept, "curve")
    (tmp_path / "part" / "claims.toml").touch()
    assert [run.name for run in runs.kept("curve")] == ["curve"]
