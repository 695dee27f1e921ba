"""What all trainings of this part share: their settings, their loss, and how their results are kept."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from brainlib import runs
from brainlib.backend import resolve_device
from brainlib.baselines import GPT, GPTConfig
from brainlib.bdh import BDH, BDHConfig
from brainlib.training import Batches, History, TrainingConfig, train

Model = BDH | GPT


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

    @property
    def bytes_a_step(self) -> int:
        return self.batch * self.length


def schedule(steps: int, learning_rate: float, **others: Any) -> TrainingConfig:
    """The paper's shape: warm-up, then a linear decay to a tenth."""
    usual = {"warmup_steps": steps // 20, "decay": "linear", "betas": (0.9, 0.99), "precision": "auto"}
    usual |= {"evaluate_every": max(1, steps // 4), "checkpoint_every": 100}
    return TrainingConfig(steps=steps, learning_rate=learning_rate, **usual | others)


def new_model(config: BDHConfig | GPTConfig, seed: int = 0, device: str = "auto") -> Model:
    """Random weights, in eval mode; the caller's random numbers are left as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BDH(config) if isinstance(config, BDHConfig) else GPT(config)
    return model.to(resolve_device(device)).eval()


def next_byte_loss(model: Model, batch: tuple, state: Any, **options: Any) -> tuple[torch.Tensor, Any]:
    """The loss of a batch and the state after it; with the option `return_state=False` none is carried on."""
    _, loss, state = model(*batch, state=state, **options)
    return loss, state


def fit(
    model: Model,
    batches: Batches,
    experiment: Experiment,
    seed: int,
    folder: Path | None,
    evaluate: Callable[[Model], float] | None = None,
    loss: Callable[..., tuple[torch.Tensor, Any]] = next_byte_loss,
    **options: bool,
) -> dict[str, Any]:
    """Trains the model with these options of its loss: model and history as a study keeps them."""
    config = replace(experiment.training, seed=seed)
    history = train(model, partial(loss, **options), batches, config, evaluate, folder)
    kept = {"family": type(model).__name__, "config": asdict(model.config), "weights": model.state_dict()}
    return kept | {"history": asdict(history)}


def trained(
    learn: Callable[..., dict[str, Any]], conditions: Mapping[str, Any], seed: int, device: str = "auto"
) -> dict[str, tuple[Model, History]]:
    """The model, in eval mode, and the history of every condition: each is trained once, and kept."""
    found = {}
    for name, (kept,) in runs.study(learn, conditions, [seed], device=device).items():
        config_class = {"BDH": BDHConfig, "GPT": GPTConfig}[kept["family"]]
        lists = {key: tuple(value) for key, value in kept["config"].items() if isinstance(value, list)}
        model = new_model(config_class(**kept["config"] | lists), device=device)
        model.load_state_dict({key: torch.from_numpy(array) for key, array in kept["weights"].items()})
        found[name] = model, History.from_dict(kept["history"])
    return found
