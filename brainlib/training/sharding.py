"""Fully sharded training (FSDP2): each process keeps its part of the weights, their gradients and AdamW's moments.

A part is a `DTensor`; what must be whole (a checkpoint, the norm of the gradient) is gathered from all processes.
"""

import contextlib

import torch
import torch.distributed as dist
from torch import Tensor, nn

from brainlib.backend import resolve_device
from brainlib.training.parallel import processes


def shard(model: nn.Module) -> nn.Module:
    """Splits the weights of `model`, in place, over the processes that torchrun started, and returns it.

    `train` then gives the result of an unsplit model, and its checkpoints are the same and whole. Each process needs
    memory for all weights only while it computes (they are gathered for a forward or backward pass, and freed after
    it), and for its part of the gradients and of AdamW's moments. A weight is split along its longest dimension if
    that can be done evenly, else along its first. Weights and buffers are those of the first process.

    A model on the meta device stays there: its parts have shapes but no memory, which shows a plan before it is paid
    for. Without torchrun nothing is split. Call the model itself (`model(...)`): that is what gathers the weights.

    Raises `ValueError` if `model` is no module, lies on more than one device, or is split already.
    """
    if not isinstance(model, nn.Module):
        raise ValueError(f"model: got {type(model).__name__}, expected a torch.nn.Module")
    if is_sharded(model):
        raise ValueError("model: is split already, expected one that is whole")
    tensors = [*model.parameters(), *model.buffers()]
    devices = {tensor.device for tensor in tensors}
    if len(devices) != 1:
        raise ValueError(f"model: is on {', '.join(sorted(map(str, devices)))}, expected all of it on one device")
    (own,) = devices
    device = resolve_device() if own.type == "meta" else own
    group = processes(device)
    if group.count == 1:
        return model

    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard
    from torch.distributed.tensor import Shard

    def longest(weight: Tensor) -> Shard:
        dimension = max(range(weight.ndim), key=lambda index: weight.shape[index])
        return Shard(dimension if weight.shape[dimension] % group.count == 0 else 0)

    with torch.cuda.device(device) if device.type == "cuda" else contextlib.nullcontext():
        if own.type != "meta":
            for tensor in tensors:
                dist.broadcast(tensor.detach(), src=0)
        mesh = init_device_mesh(device.type, (group.count,))
        # One group of all weights: the models of the book use theirs in every layer, or are small.
        return fully_shard(model, mesh=mesh, reshard_after_forward=True, shard_placement_fn=longest)


def is_sharded(model: nn.Module) -> bool:
    """Whether `shard` has split the weights of `model`."""
    return any(_is_part(parameter) for parameter in model.parameters())


def whole(tensor: Tensor) -> Tensor:
    """All of `tensor` if this process has a part of it (then every process must call this), else `tensor` itself."""
    return tensor.full_tensor() if _is_part(tensor) else tensor


def part_like(tensor: Tensor, like: Tensor) -> Tensor:
    """This process's part of the whole `tensor` if it has a part of `like`, else `tensor` itself."""
    if not _is_part(like):
        return tensor
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements, src_data_rank=None)


def _is_part(tensor: Tensor) -> bool:
    from torch.distributed.tensor import DTensor  # slow to import; making an optimiser has done so already

    return isinstance(tensor, DTensor)
