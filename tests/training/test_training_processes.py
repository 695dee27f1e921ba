"""Runs that are killed, and runs that several processes share: real processes, each started here."""

import inspect
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny_run import TinyBatches, tiny_config, tiny_loss, tiny_model, tiny_train
from torch import nn

from brainlib.training import CheckpointError, History, shard, train
from brainlib.training.parallel import check_own_gpu
from brainlib.training.sharding import is_sharded

HERE = Path(__file__).parent
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}


def program(*arguments: str) -> str:
    """What a Python program prints; it is ended with all processes of its own if it takes too long."""
    pipe = subprocess.PIPE
    command = [sys.executable, *arguments]
    with subprocess.Popen(
        command, env=ENVIRONMENT, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as process:
        try:
            output, errors = process.communicate(timeout=240)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    assert process.returncode == 0, errors
    return output


def test_runs_killed_anywhere_end_like_the_one_that_was_not():
    # In memory where there is such a folder: every checkpoint waits for the disk, and a kill is a kill on either.
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory) as scratch:
        report = json.loads(program(str(HERE / "killed_runs.py"), scratch, "16"))
    assert report["wrong"] == []
    assert report["killed"] >= 42, "the kill points have moved out of the run"
    assert report["unfinished"] >= 20, "too few kills fell into the writing or removing of a checkpoint"


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Path:
    scratch = tmp_path_factory.mktemp("shared")
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    program(*torchrun, str(HERE / "parallel_runs.py"), str(scratch))
    return scratch


def outcome(shared: Path, rank: int) -> dict:
    return json.loads((shared / f"outcome-{rank}.json").read_text())


def test_two_processes_give_the_curve_of_one(shared):
    model, alone = tiny_train(dropout=0.0)
    for rank in (0, 1):
        history = History.from_json(outcome(shared, rank)["history"])
        assert history.processes == 2
        assert history.losses == pytest.approx(alone.losses, rel=0, abs=1e-5)
        assert history.gradient_norms == pytest.approx(alone.gradient_norms, rel=1e-4)
        assert dict(history.evaluations) == pytest.approx(dict(alone.evaluations), rel=0, abs=1e-5)
        for name, tensor in load_file(shared / f"model-{rank}.safetensors").items():
            torch.testing.assert_close(tensor, model.state_dict()[name], rtol=0, atol=1e-4)


def test_two_processes_agree_with_each_other(shared):
    first, second = outcome(shared, 0), outcome(shared, 1)
    assert History.from_json(first["whole"]).losses == History.from_json(second["whole"]).losses
    assert first["auto"] == second["auto"] in ("float32", "bfloat16")
    ours, theirs = (load_file(shared / f"whole-{rank}.safetensors") for rank in (0, 1))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_two_processes_resume_exactly_each_with_its_own_rows(shared):
    whole, resumed = (History.from_json(outcome(shared, 0)[name]) for name in ("whole", "resumed"))
    assert resumed.losses == whole.losses and resumed.evaluations == whole.evaluations
    last = "step-00000012"
    names = sorted(path.name for path in (shared / "whole" / last).glob("*.safetensors"))
    assert names == [f"{stem}.safetensors" for stem in ("batches", "model", "optimizer", "rank-0", "rank-1")]
    for name in names:
        ours, theirs = (load_file(shared / folder / last / name) for folder in ("whole", "resumed"))
        assert ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)
    states = [load_file(shared / "whole" / last / f"rank-{rank}.safetensors") for rank in (0, 1)]
    assert states[0]["state.1"].shape == (2, 12)  # half of the four rows
    assert not torch.equal(states[0]["state.1"], states[1]["state.1"])
    assert not torch.equal(states[0]["generator.cpu"], states[1]["generator.cpu"])


def test_two_processes_with_half_of_the_weights_each_give_the_same_run(shared):
    # Dropout and carried rows are each process's own, so the whole run is that of two processes with all weights.
    whole, split = (History.from_json(outcome(shared, 0)[name]) for name in ("whole", "split"))
    assert split.parameters == whole.parameters
    assert split.losses == pytest.approx(whole.losses, rel=0, abs=1e-5)
    assert split.gradient_norms == pytest.approx(whole.gradient_norms, rel=1e-4)
    assert dict(split.evaluations) == pytest.approx(dict(whole.evaluations), rel=0, abs=1e-5)
    names = sorted(path.name for path in (shared / "whole" / "step-00000012").glob("*.safetensors"))
    for name in names:
        folders = [shared / folder / "step-00000012" for folder in ("whole", "split", "split-resumed")]
        theirs, ours, resumed = (load_file(folder / name) for folder in folders)
        assert theirs.keys() == ours.keys() == resumed.keys()
        for key, tensor in theirs.items():
            torch.testing.assert_close(ours[key], tensor, rtol=0, atol=1e-4)
            assert torch.equal(resumed[key], ours[key]), key


def test_what_cannot_be_shared_is_refused(shared):
    for rank in (0, 1):
        found = outcome(shared, rank)
        assert found["odd"].startswith("batch: 5 rows cannot be shared equally by 2 processes")
        assert found["unlike"].startswith("batches: the processes drew different ones")
        assert found["twice"] == "model: is split already, expected one that is whole"


def test_a_shared_run_is_not_resumed_alone(shared):
    with pytest.raises(CheckpointError, match="its processes is 2, here it is 1"):
        tiny_train(shared / "whole")


def test_one_process_has_nothing_to_split():
    model = tiny_model()
    assert shard(model) is model and not is_sharded(model)
    with pytest.raises(ValueError, match=r"model: got list, expected a torch\.nn\.Module"):
        inspect.unwrap(shard)([])  # under the annotation check of the tests
    with torch.device("meta"):
        model.late = nn.Linear(2, 2)
    with pytest.raises(ValueError, match="model: is on cpu, meta, expected all of it on one device"):
        shard(model)


def test_a_model_without_memory_is_not_trained():
    with pytest.raises(ValueError, match="model: is on meta, expected one with memory"):
        train(tiny_model().to("meta"), tiny_loss, TinyBatches(), tiny_config(), progress=False)


def test_a_process_trains_on_its_own_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "1")
    check_own_gpu(torch.device("cuda:1"))
    check_own_gpu(torch.device("cpu"))
    with pytest.raises(ValueError, match="model: is on cuda:0, expected cuda:1"):
        check_own_gpu(torch.device("cuda:0"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)  # each process sees one GPU only
    check_own_gpu(torch.device("cuda:0"))
