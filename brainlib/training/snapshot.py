"""All of a run that changes from step to step: taken apart for a checkpoint, and put back bit for bit."""

import json
from dataclasses import asdict, dataclass, is_dataclass, replace
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from brainlib.training.checkpoint import Checkpoint, CheckpointError
from brainlib.training.history import History
from brainlib.training.trees import pack, unpack


@runtime_checkable
class Batches(Protocol):
    """A source of batches that knows how far it has been read, such as `brainlib.data.RandomCrops`."""

    def next_batch(self) -> Any: ...
    def state_dict(self) -> dict[str, Tensor]: ...
    def load_state_dict(self, state: dict[str, Tensor]) -> None: ...


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
        layout, carried = pack(self.state, "state")
        tensors = {
            "model": self.model.state_dict(),
            "optimizer": _moments(self.model, self.optimizer),
            "batches": self.batches.state_dict(),
            "state": {f"state.{index}": tensor for index, tensor in enumerate(carried)} | _generators(self.device),
        }
        progress = {"step": len(self.history.losses), "state": layout, "history": asdict(self.history)}
        return Checkpoint(self._identity() | progress, tensors)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Makes this run the checkpointed one. Raises `CheckpointError`, and changes nothing, if that is another."""
        written, progress = History.from_dict(checkpoint.progress["history"]), checkpoint.progress
        _check_config(asdict(written.config), asdict(self.history.config))
        for name, here in self._identity().items():
            _check_identity(name, progress[name], here)
        own = checkpoint.tensors["state"]
        carried = (own[f"state.{index}"] for index in range(len(own)))
        try:
            state = unpack(progress["state"], carried, self.device)
        except ValueError as error:
            raise CheckpointError(f"checkpoint of another run: {error}") from error
        try:
            self.batches.load_state_dict(checkpoint.tensors["batches"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise CheckpointError(f"checkpoint of another run: its batches' position does not fit ({error})") from error
        self.model.load_state_dict(checkpoint.tensors["model"])
        _load_moments(self.model, self.optimizer, checkpoint.tensors["optimizer"])
        self.state, self.history = state, replace(written, config=self.history.config)
        torch.set_rng_state(own["generator.cpu"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(own["generator.cuda"], self.device)

    def _identity(self) -> dict[str, Any]:
        tensors = {name: [str(tensor.dtype), *tensor.shape] for name, tensor in self.model.state_dict().items()}
        return {
            "model": type(self.model).__name__,
            "model's config": _settings(self.model),
            "tensors": tensors,
            "trained": [name for name, _ in _trained(self.model)],
            "batches": type(self.batches).__name__,
            "device": self.device.type,
        }


def _trained(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]


def _settings(model: nn.Module) -> dict[str, str]:
    """Of the model's config, if it is a dataclass: layers that share their weights cannot be told from the weights."""
    config = getattr(model, "config", None)
    settings = asdict(config) if is_dataclass(config) else {}
    return {name: json.dumps(value, default=lambda other: type(other).__name__) for name, value in settings.items()}


def _generators(device: torch.device) -> dict[str, Tensor]:
    states = {"generator.cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["generator.cuda"] = torch.cuda.get_rng_state(device)
    return states


def _moments(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    # In a file "layer.weight/exp_avg": parameters have names, not the optimiser's numbers.
    moments = {name: optimizer.state.get(parameter, {}) for name, parameter in _trained(model)}
    return {f"{name}/{key}": value for name, values in moments.items() for key, value in values.items()}


def _load_moments(model: nn.Module, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    states: dict[int, dict[str, Tensor]] = {}
    for index, (name, parameter) in enumerate(_trained(model)):
        own = {key.removeprefix(f"{name}/"): value for key, value in tensors.items() if key.startswith(f"{name}/")}
        # The moments lie in memory as their parameter does: the fused AdamW walks through both in step.
        states[index] = {
            key: value if key == "step" else torch.empty_like(parameter).copy_(value) for key, value in own.items()
        }
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": {i: s for i, s in states.items() if s}, "param_groups": groups})


def _check_config(written: dict[str, Any], here: dict[str, Any]) -> None:
    for name in written:
        if name != "checkpoint_every" and written[name] != here[name]:
            _differs(f"config.{name}", written[name], here[name])


def _check_identity(name: str, written: Any, here: Any) -> None:
    if isinstance(here, dict):
        kind = {"tensors": "model's tensor"}.get(name, name)
        for part in written | here:
            if written.get(part) != here.get(part):
                _differs(f"{kind} {part!r}", written.get(part, "absent"), here.get(part, "absent"))
    if written != here:
        _differs(name, written, here)


def _differs(what: str, written: Any, here: Any) -> None:
    raise CheckpointError(f"checkpoint of another run: its {what} is {written!r}, here it is {here!r}")
