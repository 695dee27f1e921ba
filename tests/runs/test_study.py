"""A study computes each condition and seed once, for the code and settings that there are; what is kept of a run."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy
import numpy as np
import pytest
import torch
from refusals import refused

from brainlib import runs
from brainlib.runs import code


def conditions(laboratory, trace, **words):
    return {name: laboratory.Settings(size, str(trace), **words) for name, size in (("small", 2), ("large", 5))}


def test_each_condition_and_seed_is_computed_once(laboratory, trace):
    given = conditions(laboratory, trace)
    first = runs.study(laboratory.count, given, range(2), device="cpu", processes=1)
    again = runs.study(laboratory.count, given, np.array([1, 0, 2]), device="cpu", processes=1)
    assert trace.read_text().split() == ["2-0", "2-1", "5-0", "5-1", "2-2", "5-2"]
    assert list(first) == ["small", "large"]
    small = first["small"][1]
    np.testing.assert_array_equal(small["tensor"], torch.rand(2, generator=torch.Generator().manual_seed(1)).numpy())
    assert small["nested"]["array"].tolist() == [0, 1] and small["nested"]["pair"] == [4, None]
    assert small["number"] == 0.1 and small["first"] == 0
    for old, new in zip(first["large"], [again["large"][1], again["large"][0]], strict=True):
        np.testing.assert_array_equal(old["tensor"], new["tensor"])


def test_settings_code_and_versions_are_what_a_result_depends_on(laboratory, trace, tmp_path, monkeypatch):
    def compute(size=2):
        given = {"any": laboratory.Settings(size, str(trace))}
        runs.study(laboratory.count, given, [0], device="cpu", processes=1)
        return len(trace.read_text().split())

    folder = tmp_path / "code" / "laboratory"
    assert [compute(), compute(), compute(3), compute(3)] == [1, 1, 2, 2]
    (folder / "unrelated.py").write_text("X = 1\n")
    assert compute() == 2
    (folder / "rates.py").write_text("RATE = 3\n")
    assert compute() == 3
    (folder / "rates.py").write_text('"""A rate."""\n\nRATE = 3  # a second\n')
    assert compute() == 3
    monkeypatch.setattr(torch, "__version__", "0")
    assert compute() == 4


def test_code_that_changed_after_the_process_began_is_not_kept(laboratory, trace, tmp_path, monkeypatch):
    monkeypatch.setattr("brainlib.runs.code.BEGAN", 0.0)
    for computed in (1, 2):
        with pytest.warns(UserWarning, match=r"^laboratory\.counting or what it imports has changed: restart"):
            given = {"any": laboratory.Settings(2, str(trace))}
            runs.study(laboratory.count, given, [0], device="cpu", processes=1)
        assert len(trace.read_text().split()) == computed
    assert not (tmp_path / "runs").exists()


def test_an_error_names_condition_and_seed_and_the_rest_is_kept(laboratory, trace):
    given = conditions(laboratory, trace) | {"bad": laboratory.Settings(13, str(trace))}
    with pytest.raises(ArithmeticError, match="thirteen") as raised:
        runs.study(laboratory.count, given, [4], device="cpu", processes=1)
    assert raised.value.__notes__ == ["in the run of bad, seed 4"]
    good = conditions(laboratory, trace)
    runs.study(laboratory.count, good, [4], device="cpu", processes=1)
    assert trace.read_text().split() == ["2-4", "5-4", "13-4"]


def test_a_broken_result_is_computed_again(laboratory, trace, tmp_path):
    given = {"any": laboratory.Settings(2, str(trace))}
    runs.study(laboratory.count, given, [0], device="cpu", processes=1)
    (kept,) = (tmp_path / "runs").iterdir()
    kept.write_bytes(kept.read_bytes()[:40])
    (result,) = runs.study(laboratory.count, given, [0], device="cpu", processes=1)["any"]
    assert len(result["tensor"]) == 2 and len(trace.read_text().split()) == 2


def test_a_process_that_dies_loses_nothing_and_its_unit_goes_on(laboratory, trace):
    given = conditions(laboratory, trace, waits=True)
    pid = Path(f"{trace}.pid")
    threading.Thread(target=kill_when_written, args=(pid,), daemon=True).start()
    results = runs.study(laboratory.count, given, [0], device="cpu", processes=2)
    assert sorted(result["first"] for (result,) in results.values()) in ([0, 2], [0, 5], [2, 5])
    assert 3 <= len(trace.read_text().split()) <= 4


def kill_when_written(pid: Path) -> None:
    while not (pid.exists() and pid.read_text()):
        time.sleep(0.05)
    os.kill(int(pid.read_text()), signal.SIGKILL)


INTERRUPTED = """\
import signal
from brainlib import runs
from laboratory import counting
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's job in the background ignores it
    settings = counting.Settings(2, {trace!r}, waits=True), counting.Settings(5, {trace!r}, waits=True)
    runs.study(counting.count, dict(zip("ab", settings)), [0], device="cpu", processes={processes})
"""


@pytest.mark.parametrize("processes", [1, 2])
def test_an_interrupt_ends_everything_and_the_unit_goes_on(laboratory, trace, tmp_path, processes):
    script = tmp_path / "script.py"
    script.write_text(INTERRUPTED.format(trace=str(trace), processes=processes))
    process = subprocess.Popen([sys.executable, script], stderr=subprocess.DEVNULL)
    pid = Path(f"{trace}.pid")
    while not (pid.exists() and pid.read_text()):
        time.sleep(0.05)
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)
    for _ in range(200):
        if not Path(f"/proc/{pid.read_text()}").exists():
            break
        time.sleep(0.05)
    assert not Path(f"/proc/{pid.read_text()}").exists()
    given = {"any": laboratory.Settings(2, str(trace), waits=True)}
    (result,) = runs.study(laboratory.count, given, [0], device="cpu", processes=1)["any"]
    assert result["first"] == 2


def test_the_code_that_a_function_reaches_is_its_imports_and_no_other_part():
    from brainlib.timescales.model import LeakyRNN

    names = set(code.reached(LeakyRNN.forward))
    assert {"brainlib.__init__", "brainlib.timescales.model", "brainlib.timescales.kernels.__init__"} <= names
    assert not any("astrosnn" in name or "bdh" in name for name in names)
    from brainlib import data

    assert any(name.startswith("brainlib.data.files.") for name in code.reached(data.shakespeare))


def test_what_is_imported_by_a_name_made_there_counts():
    from brainlib.brainstates import forward_backward

    names = set(code.reached(forward_backward))
    assert {"brainlib.brainstates.kernels.cpu", "brainlib.brainstates.kernels.triton.posterior"} <= names


def test_wrong_arguments_are_named_before_anything_runs(laboratory, trace):
    def wrong(message, **given):
        usual = {"function": laboratory.count, "conditions": {"a": laboratory.Settings(2, str(trace))}, "seeds": [0]}
        refused(f"^{message}", runs.study, **usual | {"device": "cpu"} | given)
        assert trace.read_text() == ""

    wrong("seeds: got -1, expected a whole number of at least 0", seeds=[-1])
    wrong("device: got 'gpu'", device="gpu")
    wrong(r"conditions\['a'\]: got object, expected settings of numbers", conditions={"a": object()})
    wrong("processes: got 0, expected a whole number of at least 1", processes=0)
    wrong("function: got .*, expected a function of a module", function=lambda: None)


def test_a_result_that_cannot_be_kept_is_named(laboratory, trace, monkeypatch):
    monkeypatch.setattr(laboratory.numpy, "arange", lambda size: {1, 2})
    with pytest.raises(ValueError, match=r"^result\.nested\.array: got set, expected numbers, texts, arrays"):
        runs.study(laboratory.count, {"a": laboratory.Settings(2, str(trace))}, [0], device="cpu", processes=1)


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
