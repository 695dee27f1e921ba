"""What a notebook hands over: NumPy's integers, paths under the home folder, devices, tensors for one number."""

import json
import platform
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from process import told
from refusals import refused

from brainlib import runs
from brainlib.arguments import whole_number
from brainlib.astrosnn import AMSUConfig, AstroSNN, AstroSNNConfig
from brainlib.backend import provenance, resolve_device
from brainlib.baselines import GPT, GPTConfig
from brainlib.bdh import BDH, BDHConfig
from brainlib.brainstates import HMMGLM
from brainlib.data import RandomCrops, hold_out, translation_stream
from brainlib.ledger import read_claims
from brainlib.timescales.curricula import single_head
from brainlib.timescales.training import CurriculumConfig
from brainlib.timescales.training import train as train_curriculum
from brainlib.training import TrainingConfig, byte_losses, train

pytestmark = pytest.mark.usefixtures("unchecked")


@pytest.mark.parametrize("value", [np.int64(3), np.uint8(3), np.array(3), 3])
def test_any_integer_is_a_whole_number(value):
    found = whole_number("size", value, least=3)
    assert type(found) is int and found == 3


@pytest.mark.parametrize("value", [True, np.True_, 3.0, np.float64(3), "3", None, np.array([3, 4]), 2])
def test_nothing_else_is(value):
    with pytest.raises(ValueError, match=r"size: got .*, expected a whole number of at least 3"):
        whole_number("size", value, least=3)


ONE, TWO, FOUR, EIGHT, NINE = np.int64(1), np.int32(2), np.uint8(4), np.int16(8), np.int64(9)


def test_integers_of_numpy_are_sizes_of_language_models(tmp_path):
    text = torch.randint(128, (FOUR, NINE))
    for config, model in (
        (BDHConfig(ONE, EIGHT, TWO, FOUR * 4, 128), BDH),
        (GPTConfig(ONE, 8, TWO, vocab=np.int16(128)), GPT),
        (AstroSNNConfig(ONE, 8, TWO, np.int64(128)), AstroSNN),
    ):
        assert type(config.layers) is int
        model(config)(text, text)
    model = BDH(BDHConfig(ONE, 8, TWO, 16, 128)).eval()
    model(text, chunk_size=FOUR)
    assert model.generate(text, TWO, top_k=FOUR).shape == (4, 11)
    byte_losses(model, text.flatten().byte(), TWO, FOUR)
    batches = RandomCrops(text.flatten().byte(), TWO, FOUR, np.int64(3))
    translation_stream(hold_out([("a", "b")] * 9, TWO, FOUR)[0], seed=np.int64(5))
    config = TrainingConfig(steps=TWO, warmup_steps=ONE, seed=np.int64(5), checkpoint_every=ONE)
    for _ in range(2):
        train(model, lambda m, b, s: (m(*b)[1], None), batches, config, folder=tmp_path, progress=False)


def test_integers_of_numpy_are_sizes_of_recurrent_networks(tmp_path):
    config = CurriculumConfig("parity", single_head(TWO), FOUR, TWO, FOUR, ONE, ONE, np.int64(3), FOUR)
    for _ in range(2):
        train_curriculum(config, np.int64(3), "cpu", tmp_path)


@pytest.mark.parametrize("kind", [str, Path])
def test_a_folder_may_lie_under_the_home_folder(tmp_path, monkeypatch, kind):
    monkeypatch.setenv("HOME", str(tmp_path))
    model, batches = torch.nn.Embedding(256, 1), RandomCrops(torch.ones(99, dtype=torch.uint8), batch=2, length=4)
    train(
        model, lambda m, b, s: (m(b[0]).sum(), None), batches, TrainingConfig(1), folder=kind("~/run"), progress=False
    )
    model = HMMGLM(ONE, n_init=ONE, max_iter=TWO, random_state=NINE).fit(torch.ones(9, 2).int())
    model.save(kind("~/fit.safetensors"))
    assert (HMMGLM.load(kind("~/fit.safetensors")).weights_ == model.weights_).all()
    (tmp_path / "claims.toml").touch()
    assert read_claims(kind("~/claims.toml")) == {}
    (tmp_path / "a-ci-seed0.json").write_text(json.dumps(asdict(runs.Run("a", "ci", 0, {}, {}))))
    assert len(runs.kept("a", kind("~"))) == 1
    assert any((tmp_path / "run").iterdir()) and not Path("~").exists()


@pytest.mark.parametrize("tensor", [torch.nn.Parameter(torch.tensor(1.0)), torch.ones(1), torch.ones(4)], ids=str)
def test_a_tensor_where_one_number_is_shared_is_named(tensor):
    refused("^threshold: got a tensor of shape", AMSUConfig, 4, threshold=tensor)
    refused("^tau: got a tensor of shape", AMSUConfig, 4, tau=tensor)


def test_auto_is_the_cpu_without_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device() == torch.device("cpu")


def test_auto_is_a_gpu_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device() == torch.device("cuda:0")


@pytest.mark.parametrize("name", ["tpu", "", "meta", "cuda:x"])
def test_unknown_devices_are_named(name):
    with pytest.raises(ValueError, match=f"device: got '{name}', expected 'auto', 'cpu', 'cuda' or 'cuda:N'"):
        resolve_device(name)


def test_a_missing_gpu_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    refused("device: got 'cuda:1', but this machine has 1 CUDA devices", resolve_device, "cuda:1")


def test_provenance_tells_what_a_reader_needs():
    facts = provenance("cpu")
    assert facts["torch"] == torch.__version__ and facts["threads"] == torch.get_num_threads()
    assert facts["device"] == "cpu" and facts["device_name"] and facts["revision"] and facts["time"]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's allocator")
def test_freed_memory_is_kept():
    script = """
import resource
import torch
from brainlib.backend import keep_freed_memory
keep_freed_memory()
for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.ones(4 * 2**20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    assert int(told(script)) < 1000  # 20 tensors of 16 MB would be 81,920
