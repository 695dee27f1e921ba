"""What all trainings of this part share: their settings, their loss, and how their results are kept."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from brainlib import runs
from brainlib.backend import resolve_device
from brainlib.baselines import GPT, GPTConfig
from brainlib.bdh import BDH, BDHConfig
from brainlib.training import History, TrainingConfig

Model = BDH | GPT
FAMILIES = {"BDH": (BDH, BDHConfig), "GPT": (GPT, GPTConfig)}


@dataclass(frozen=True)
class Experiment:
    """The model, its training, its batches (`batch` rows of `length` tokens), the name of the text that it reads, and
    how many bytes of held-out verses (a pair of languages) judge it where that is not the whole held-out text."""

    model: BDHConfig | GPTConfig
    training: TrainingConfig
    batch: int
    length: int
    text: str
    held_out: int | None = None


def schedule(steps: int, learning_rate: float, **others: Any) -> TrainingConfig:
    """The paper's shape: warm-up, then a linear decay to a tenth."""
    usual = {
        "warmup_steps": steps // 20, "decay": "linear", "betas": (0.9, 0.99), "evaluate_every": max(1, steps // 4),
        "checkpoint_every": 100, "precision": "auto",
    }  # fmt: skip
    return TrainingConfig(steps=steps, learning_rate=learning_rate, **usual | others)


def new_model(config: BDHConfig | GPTConfig, seed: int = 0, device: str = "auto") -> Model:
    """Random weights, in eval mode; the caller's random numbers are left as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BDH(config) if isinstance(config, BDHConfig) else GPT(config)
    return model.to(resolve_device(device)).eval()


def next_byte_loss(
    model: Model, batch: tuple[Tensor, Tensor], state: Any, **options: Any
) -> tuple[Float[Tensor, ""], Any]:
    """The loss of a batch and the state after it; with the option `return_state=False` none is carried on."""
    _, loss, state = model(*batch, state=state, **options)
    return loss, state


def result(model: Model, history: History) -> dict[str, Any]:
    """A trained model and its history as a study keeps them."""
    return {
        "family": type(model).__name__,
        "config": asdict(model.config),
        "weights": model.state_dict(),
        "history": asdict(history),
    }


def trained(
    learn: Callable[..., dict[str, Any]], conditions: Mapping[str, Any], seed: int, device: str = "auto"
) -> dict[str, tuple[Model, History]]:
    """The model, in eval mode, and the history of every condition: each is trained once, and kept."""
    results = runs.study(learn, conditions, [seed], device=device)
    return {name: _rebuilt(kept, device) for name, (kept,) in results.items()}


def _rebuilt(kept: dict[str, Any], device: str) -> tuple[Model, History]:
    model_class, config_class = FAMILIES[kept["family"]]
    lists = {name: tuple(value) for name, value in kept["config"].items() if isinstance(value, list)}
    model = model_class(config_class(**kept["config"] | lists))
    model.load_state_dict({name: torch.from_numpy(array) for name, array in kept["weights"].items()})
    return model.to(resolve_device(device)).eval(), History.from_dict(kept["history"])
