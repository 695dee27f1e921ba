import os
import sys

import numpy
import pytest

from brainlib import runs


@pytest.fixture
def live(tmp_path, monkeypatch):
    """A notebook outside a build: IPython's history of cells, and a cache folder."""
    monkeypatch.delenv("BRAINLIB_CHECKPOINTS", raising=False)
    monkeypatch.setattr("pooch.os_cache", lambda name: tmp_path / name)
    cells = [""]
    monkeypatch.setattr(sys.modules["__main__"], "In", cells, raising=False)
    return cells


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
    monkeypatch.delenv("BRAINLIB_CHECKPOINTS", raising=False)
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


def test_checkpoints_lie_where_the_builder_says(tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINLIB_CHECKPOINTS", str(tmp_path))
    assert runs.checkpoints("shakespeare") == tmp_path / "shakespeare"


def test_a_notebook_goes_on_after_an_interrupt_or_a_restart(live):
    live += ["steps = 10", "train()"]
    folder = runs.checkpoints("curve")
    (folder / "step-00000001").mkdir()
    live += ["train()"]  # the same cell again
    assert runs.checkpoints("curve") == folder and (folder / "step-00000001").is_dir()
    assert runs.checkpoints("other") != folder


def test_a_cell_that_was_changed_and_changed_back_does_not_continue_the_change(live):
    live += ["steps = 10; train()"]
    first = runs.checkpoints("curve")
    live += ["steps = 11; train()"]
    changed = runs.checkpoints("curve")
    live += ["steps = 10; train()"]
    assert len({first, changed, runs.checkpoints("curve")}) == 3


def test_changed_cells_and_changed_code_begin_anew(live, monkeypatch):
    live += ["steps = 10", "train()"]
    folders = {runs.checkpoints("curve")}
    live[1] = "steps = 11"
    folders.add(runs.checkpoints("curve"))
    monkeypatch.setattr(runs.recorded, "_code", lambda: "changed")
    folders.add(runs.checkpoints("curve"))
    assert len(folders) == 3


def test_old_checkpoints_of_a_notebook_do_not_pile_up(live):
    folders = []
    for steps in range(5):
        live[:] = [f"steps = {steps}"]
        folders.append(runs.checkpoints("curve"))
        os.utime(folders[-1], (steps, steps))
    assert [folder.is_dir() for folder in folders] == [False, False, True, True, True]


def test_a_cache_that_cannot_be_written_is_no_obstacle(live, tmp_path):
    (tmp_path / "brainlib").write_text("a file where the folder would be")
    assert runs.checkpoints("curve") is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"profile": "lptop"}, "profile: got 'lptop', expected one of ci, laptop, paper"),
        ({"profile": ["ci"]}, r"profile: got \['ci'\], expected one of"),
        ({"seed": "one"}, "seed: got 'one', expected a whole number"),
        ({"seed": -1}, "seed: got -1, expected a whole number of at least 0"),
        ({"device": "gpu"}, "device: got 'gpu', expected 'auto', 'cpu', 'cuda' or 'cuda:N'"),
        ({"device": 0}, "device: got 0, expected 'auto'"),
    ],
    ids=str,
)
def test_a_wrong_parameter_of_a_chapter_is_named(given, message):
    runs.check("ci", numpy.int64(0), "cpu")
    with pytest.raises(ValueError, match=f"^{message}"):
        runs.check(**({"profile": "ci", "seed": 0, "device": "auto"} | given))


def test_recorded_runs_are_found_from_below_and_missed_aloud(tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINLIB_RECORDS", str(tmp_path / "part" / "records"))
    runs.keep("curve", {}, profile="ci", seed=0, device="cpu")
    below = tmp_path / "part" / "notes"
    below.mkdir()
    monkeypatch.chdir(below)
    with pytest.raises(ValueError, match=r"claims: no claims.toml in .*notes or in a folder above it; a chapter runs"):
        runs.kept("curve")
    (tmp_path / "part" / "claims.toml").touch()
    assert [run.name for run in runs.kept("curve")] == ["curve"]
