"""Models that are built without memory, and models whose weights two processes share."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from sharded_runs import materialised, model, trained

from brainlib.bdh import BDH, BDHConfig
from brainlib.bdh.sizes import SIZES
from brainlib.training import History


@pytest.mark.parametrize("decay", [None, (0.1, 0.2)])
def test_a_model_from_the_meta_device_is_the_model(decay):
    config = BDHConfig(layers=2, dim=16, heads=2, neurons=96, vocab=23, decay=decay)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        direct = BDH(config)
        with torch.device("meta"):
            later = BDH(config)
        assert all(tensor.is_meta for tensor in later.state_dict().values())
        later.to_empty(device="cpu")
        torch.manual_seed(3)
        later.reset_parameters()
    for name, tensor in direct.state_dict().items():
        assert torch.equal(later.state_dict()[name], tensor), name


@pytest.mark.parametrize(
    ("name", "millions"),
    [("25M", 25.30), ("50M", 50.46), ("100M", 100.79), ("200M", 201.46), ("400M", 402.78), ("800M", 805.44)],
)
def test_the_papers_sizes(name, millions):
    with torch.device("meta"):
        large = BDH(SIZES[name])
    assert sum(weight.numel() for weight in large.parameters()) == SIZES[name].parameters
    assert SIZES[name].parameters / 1e6 == pytest.approx(millions, abs=0.005)


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Path:
    scratch = tmp_path_factory.mktemp("shared")
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    script = Path(__file__).with_name("sharded_runs.py")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*torchrun, str(script), str(scratch)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return scratch


def outcome(shared: Path, rank: int) -> dict:
    return json.loads((shared / f"outcome-{rank}.json").read_text())


def test_two_processes_with_half_of_the_weights_each_are_one(shared, tmp_path):
    alone = model()
    expected = trained(alone, tmp_path / "alone")
    for rank in (0, 1):
        history = History.from_json(outcome(shared, rank)["history"])
        assert history.processes == 2 and history.parameters == expected.parameters
        assert history.losses == pytest.approx(expected.losses, rel=0, abs=1e-5)
        assert history.gradient_norms == pytest.approx(expected.gradient_norms, rel=1e-5)
        assert dict(history.evaluations) == pytest.approx(dict(expected.evaluations), rel=0, abs=1e-5)
        for name, weight in load_file(shared / f"model-{rank}.safetensors").items():
            torch.testing.assert_close(weight, alone.state_dict()[name], rtol=0, atol=1e-5)
    assert max(expected.gradient_norms) > 0.5, "no gradient was clipped"


def test_their_checkpoint_is_whole(shared, tmp_path):
    trained(model(), tmp_path / "alone")
    for name in ("model", "optimizer", "batches"):
        ours, theirs = (
            load_file(folder / "step-00000012" / f"{name}.safetensors")
            for folder in (shared / "split", tmp_path / "alone")
        )
        assert ours.keys() == theirs.keys()
        for key, tensor in theirs.items():
            torch.testing.assert_close(ours[key], tensor, rtol=0, atol=1e-5)
    again = materialised(seed=9)
    again.load_state_dict(load_file(shared / "split" / "step-00000012" / "model.safetensors"))
    assert torch.equal(again.embedding, load_file(shared / "model-0.safetensors")["embedding"])


@pytest.mark.parametrize(("name", "neurons"), [("100M", 2**17), ("800M", 2**20)])
def test_the_plan_of_a_large_model_halves_every_weight(shared, name, neurons):
    for rank in (0, 1):
        found = outcome(shared, rank)[name]
        assert found["parameters"] == SIZES[name].parameters
        assert found["parts"] == {
            "embedding": [128, 256],
            "decoder_x": [4, 256, neurons // 8],
            "decoder_y": [4, 256, neurons // 8],
            "encoder": [neurons // 2, 256],
            "readout": [128, 256],
        }
