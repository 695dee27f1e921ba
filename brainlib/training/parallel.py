"""Data parallel training under torchrun: every process takes its rows of each batch, gradients are averaged."""

import atexit
import datetime
import os
import zlib
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from brainlib.training.trees import leaves, tree_map

_WAIT = datetime.timedelta(hours=1)  # the others wait while the first process evaluates


@dataclass(frozen=True)
class Processes:
    """The processes of a run, seen from the one with number `rank`; alone, every method is the identity."""

    rank: int
    count: int
    device: torch.device

    def parallel(self, module: nn.Module) -> nn.Module:
        """`module`, with its gradients averaged over the processes and its parameters those of the first."""
        return module if self.count == 1 else nn.parallel.DistributedDataParallel(module)

    def rows(self, batch: Any) -> Any:
        """This process's rows of the global batch, on its device."""
        sizes = {tuple(tensor.shape[:1]) for tensor in leaves(batch, "batch")}
        if len(sizes) != 1 or sizes == {()}:
            raise ValueError(f"batch: its tensors have first dimensions {sorted(sizes)}, expected one, the batch")
        (size,) = sizes.pop()
        if size % self.count:
            raise ValueError(f"batch: {size} rows cannot be shared equally by {self.count} processes")
        share = size // self.count
        return tree_map(lambda tensor: tensor.narrow(0, self.rank * share, share).to(self.device), batch, "batch")

    def check_same(self, batch: Any) -> None:
        """Raises `ValueError` unless every process drew this batch."""
        if self.count == 1:
            return
        digest = 0
        for tensor in leaves(batch, "batch"):
            digest = zlib.crc32(tensor.detach().cpu().contiguous().view(torch.uint8).numpy(), digest)
        digests = [torch.zeros(1, dtype=torch.int64, device=self.device) for _ in range(self.count)]
        dist.all_gather(digests, torch.tensor([digest], device=self.device))
        if len({int(other) for other in digests}) > 1:
            raise ValueError(
                "batches: the processes drew different ones, expected the same everywhere (same seed, text)"
            )

    def mean(self, values: Tensor) -> Tensor:
        """The mean of `values` over the processes."""
        if self.count > 1:
            dist.all_reduce(values)
            values = values / self.count
        return values

    def from_first(self, value: float) -> float:
        """What the first process passed."""
        if self.count == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=self.device)
        dist.broadcast(shared, src=0)
        return shared.item()

    def wait(self) -> None:
        """Until every process is here."""
        self.mean(torch.zeros(1, device=self.device)).item()


def processes(device: torch.device) -> Processes:
    """The processes that torchrun started, or this one alone, to share the work of a model on `device`.

    A process group that exists already is used. Otherwise the first run makes one (gloo for the CPU, NCCL for GPUs),
    which serves all later runs and is ended with the program: PyTorch's groups are not meant to be made many times.
    Raises `ValueError` if `device` is not the GPU of this process.
    """
    if not dist.is_available() or not (dist.is_initialized() or dist.is_torchelastic_launched()):
        return Processes(0, 1, device)
    check_own_gpu(device)
    if not dist.is_initialized():
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=_WAIT)
        atexit.register(_leave)
    return Processes(dist.get_rank(), dist.get_world_size(), device)


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def check_own_gpu(device: torch.device) -> None:
    """Raises `ValueError` if `device` is a GPU but not the one with this process's LOCAL_RANK."""
    local = int(os.environ.get("LOCAL_RANK", 0))
    if device.type == "cuda" and local < torch.cuda.device_count() and device.index != local:
        raise ValueError(f"model: is on {device}, expected cuda:{local}, as the LOCAL_RANK of this process is {local}")
