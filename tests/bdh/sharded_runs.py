"""What two processes of torchrun do with split Dragon Hatchlings; each writes what it found to the folder given."""

import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import save_file

from brainlib.bdh import BDH, BDHConfig, BDHState
from brainlib.bdh.sizes import SIZES
from brainlib.data import CoherentStreams
from brainlib.training import History, TrainingConfig, shard, train

TEXT = (torch.arange(4000) ** 2 % 23).to(torch.uint8)


def model(seed: int = 0, device: str = "cpu") -> BDH:
    with torch.random.fork_rng(devices=[]), torch.device(device):
        torch.manual_seed(seed)
        return BDH(BDHConfig(layers=2, dim=16, heads=2, neurons=96, vocab=23, dropout=0.0))


def materialised(seed: int = 0) -> BDH:
    empty = model(device="meta").to_empty(device="cpu")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        empty.reset_parameters()
    return empty


def loss(model: BDH, batch: tuple, state: BDHState | None) -> tuple:
    _, value, state = model(*batch, state)
    return value, state


def evaluate(model: BDH) -> torch.Tensor:
    return model(TEXT[None, :50], TEXT[None, 1:51])[1]


def trained(model: BDH, folder: Path, steps: int = 12) -> History:
    config = TrainingConfig(steps=steps, learning_rate=1e-2, clip_norm=0.5, evaluate_every=5, checkpoint_every=4)
    return train(model, loss, CoherentStreams(TEXT, batch=4, length=10), config, evaluate, folder, progress=False)


def plan(name: str) -> dict:
    """How the weights of one of the paper's models would lie on this process; none of them has memory."""
    with torch.device("meta"):
        large = BDH(SIZES[name])
    shard(large)
    assert all(weight.is_meta for weight in large.parameters())
    return {
        "parameters": sum(weight.numel() for weight in large.parameters()),
        "parts": {weight: list(part.to_local().shape) for weight, part in large.named_parameters()},
    }


def main(scratch: Path) -> None:
    rank = dist.get_node_local_rank()
    split = shard(materialised(seed=rank))  # the second process's weights are not the ones that count
    history = trained(split, scratch / "split")
    weights = {name: tensor.full_tensor() for name, tensor in split.named_parameters()}
    outcome = {"history": history.to_json()} | {name: plan(name) for name in ("100M", "800M")}
    (scratch / f"outcome-{rank}.json").write_text(json.dumps(outcome))
    save_file(weights, scratch / f"model-{rank}.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
