import platform

import pytest
import torch
from process import told

from brainlib.backend import provenance, resolve_device


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
    with pytest.raises(ValueError, match="device: got 'cuda:1', but this machine has 1 CUDA devices"):
        resolve_device("cuda:1")


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
