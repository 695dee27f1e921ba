"""All of a run that changes from step to step: taken apart for a checkpoint, and put back bit for bit."""

import json
from collections import defaultdict
from dataclasses import asdict, dataclass, is_dataclass, replace
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from brainlib.training.checkpoint import Checkpoint, CheckpointError
from brainlib.training.history import History
from brainlib.training.trees import pack, unpack


@runtime_checkable
class Batches(Protocol):
    """A source of batches that knows how far it has been read, such as `brainlib.data.RandomCrops`.

    >>> from brainlib.data import RandomCrops
    >>> isinstance(RandomCrops(torch.zeros(200, dtype=torch.uint8)), Batches)
    True
    """

    def next_batch(self) -> Any:
        """The next batch: tensors whose first dimension is the batch."""

    def state_dict(self) -> dict[str, Tensor]:
        """How far the source has been read."""

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Goes on from there."""


@dataclass
class Run:
    """A training run between two steps; `state` is what the model carries from batch to batch."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    batches: Batches
    history: History
    device: torch.device
    state: Any = None

    def checkpoint(self) -> Checkpoint:
        """All of the run as it is now."""
        carried: list[Tensor] = []
        progress = {"of": self.identity(), "state": pack(self.state, carried), "history": asdict(self.history)}
        generators = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            generators["cuda"] = torch.cuda.get_rng_state(self.device)
        moments = self.optimizer.state_dict()["state"]
        tensors = {
            "model": self.model.state_dict(),
            "optimizer": {f"{index}/{key}": value for index, of in moments.items() for key, value in of.items()},
            "batches": self.batches.state_dict(),
            "state": {str(index): tensor for index, tensor in enumerate(carried)},
            "generator": generators,
        }
        return Checkpoint(progress, tensors)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Makes this run the checkpointed one. Raises `CheckpointError`, and changes nothing, if that is another."""
        written, here = checkpoint.progress["of"], self.identity()
        for name in here | written:
            found, expected = written.get(name, "absent"), here.get(name, "absent")
            if found != expected:
                raise CheckpointError(f"checkpoint of another run: its {name} is {found!r}, here it is {expected!r}")
        tensors = checkpoint.tensors
        carried = [tensors["state"][str(index)] for index in range(len(tensors["state"]))]
        try:
            state = unpack(checkpoint.progress["state"], carried, self.device)
            self.batches.load_state_dict(tensors["batches"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise CheckpointError(f"checkpoint of another run: {error}") from error
        self.model.load_state_dict(tensors["model"])
        self._load_moments(tensors["optimizer"])
        self.state = state
        self.history = replace(History.from_dict(checkpoint.progress["history"]), config=self.history.config)
        torch.set_rng_state(tensors["generator"]["cpu"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(tensors["generator"]["cuda"], self.device)

    def identity(self) -> dict[str, Any]:
        """What must be alike in a run that goes on, as plain JSON: of the config, all but how often it is kept."""
        model = self.model
        config = asdict(self.history.config)
        del config["checkpoint_every"]
        facts: dict[str, Any] = {f"config.{name}": value for name, value in config.items()}
        # Of the model's config too: layers that share their weights cannot be told from the weights.
        settings: Any = getattr(model, "config", None)
        if is_dataclass(settings) and not isinstance(settings, type):
            facts |= {f"model's config {name!r}": value for name, value in asdict(settings).items()}
        facts |= {f"model's tensor {n!r}": [str(t.dtype), *t.shape] for n, t in model.state_dict().items()}
        facts |= {
            "model": type(model).__name__,
            "trained": [name for name, parameter in model.named_parameters() if parameter.requires_grad],
            "batches": type(self.batches).__name__,
            "device": self.device.type,
        }
        return json.loads(json.dumps(facts, default=lambda other: type(other).__name__))

    def _load_moments(self, tensors: dict[str, Tensor]) -> None:
        parameters = self.optimizer.param_groups[0]["params"]
        states: dict[int, dict[str, Tensor]] = defaultdict(dict)
        for name, value in tensors.items():
            index, _, key = name.partition("/")
            # Moments lie in memory as their parameter does: the fused AdamW walks through both in step.
            like = value if key == "step" else torch.empty_like(parameters[int(index)]).copy_(value)
            states[int(index)][key] = like
        self.optimizer.load_state_dict(
            {"state": dict(states), "param_groups": self.optimizer.state_dict()["param_groups"]}
        )
