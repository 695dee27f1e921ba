"""The training loop of every model in the book."""

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from brainlib.backend import keep_freed_memory
from brainlib.progress import progress_bar
from brainlib.training import checkpoint
from brainlib.training.config import TrainingConfig, learning_rate
from brainlib.training.history import History
from brainlib.training.mode import mode
from brainlib.training.precision import autocast, resolve_precision
from brainlib.training.snapshot import Batches, Run
from brainlib.training.trees import detach, leaves, pack, tree_map

_STEPS_UNREAD = 20  # on a GPU, reading a loss waits for the step: losses are read this many at a time


def train(
    model: nn.Module,
    loss: Callable[[nn.Module, Any, Any], Any],
    batches: Batches,
    config: TrainingConfig,
    evaluate: Callable[[nn.Module], Any] | None = None,
    folder: str | Path | None = None,
    progress: bool = True,
) -> History:
    """Trains `model` in place on its own device with AdamW, and returns what was measured.

    - `loss(model, batch, state)` returns the scalar mean loss over the batch's rows and the state to carry on. The
      state is None at first; what is returned (a tensor, or tensors and numbers in tuples, NamedTuples, lists and
      dicts) is detached and given to the next call. Return None to carry nothing.
    - `batches.next_batch()` returns tensors whose first dimension is the batch; they are moved to the model's device.
    - `evaluate(model)` returns a number. It is called without gradients, in eval mode and in float32, every
      `config.evaluate_every` steps and after the last; its random numbers do not touch the training's.
    - `folder` holds the checkpoints, every `config.checkpoint_every` steps and after the last. If it holds one already,
      the run goes on from the newest, and ends bit for bit as if it had never stopped; of its config, only
      `checkpoint_every` may differ. A finished run is loaded and returned at once.
    - `progress` shows a bar (the environment variable TQDM_DISABLE=1 hides it everywhere).

    Random numbers drawn inside the model come from `config.seed`; the caller's generators are left as they were.

    Raises `ValueError` for unfit arguments, `CheckpointError` for a checkpoint that is damaged or of another run, and
    `FloatingPointError` when the loss or its gradient is no longer finite (earlier checkpoints stay as they are).

    >>> from brainlib.bdh import BDH, BDHConfig
    >>> from brainlib.data import RandomCrops, shakespeare
    >>> model = BDH(BDHConfig(layers=1, dim=8, heads=1, neurons=16))
    >>> batches = RandomCrops(shakespeare(), batch=4, length=16)
    >>> loss = lambda model, batch, state: (model(*batch)[1], None)
    >>> history = train(model, loss, batches, TrainingConfig(steps=3), progress=False)
    >>> len(history.losses)
    3
    """
    folder = None if folder is None else Path(folder).expanduser()
    if folder is not None and folder.exists() and not folder.is_dir():
        raise ValueError(f"folder: {folder} is a file, expected a directory")
    device = _device(model)
    keep_freed_memory()
    with torch.cuda.device_of(next(model.parameters())), mode(model, training=True), _own_random_numbers(device):
        torch.default_generator.manual_seed(config.seed)
        if device.type == "cuda":
            torch.cuda.manual_seed(config.seed)
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(
            trained, lr=config.learning_rate, betas=config.betas, weight_decay=config.weight_decay, fused=True
        )
        history = History(config, sum(parameter.numel() for parameter in trained), config.precision)
        run = Run(model, optimizer, batches, history, device)
        if folder is not None and (newest := checkpoint.load_newest(folder)):
            run.restore(newest)
        if not run.history.losses:
            run.history.precision = resolve_precision(config.precision, device)
        if len(run.history.losses) < config.steps:
            _loop(run, loss, evaluate, folder, progress)
        return run.history


def _device(model: nn.Module) -> torch.device:
    """The one device of a model that can be trained."""
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ValueError("model: has no parameters with requires_grad, expected some to train")
    for name, parameter in model.named_parameters():
        if parameter.dtype != torch.float32:
            raise ValueError(f"model: parameter {name!r} is {parameter.dtype}, expected torch.float32")
    devices = {tensor.device for tensor in (*model.parameters(), *model.buffers())}
    if len(devices) > 1:
        raise ValueError(f"model: is on {', '.join(sorted(map(str, devices)))}, expected all of it on one device")
    return devices.pop()


def _checked(result: Any) -> tuple[Tensor, Any]:
    """What the loss returned, if it is a scalar with a gradient and a state."""
    if not isinstance(result, tuple) or len(result) != 2:
        raise ValueError(f"loss: returned {type(result).__name__}, expected a pair (scalar loss, state)")
    value, state = result
    if not isinstance(value, Tensor) or value.dim() or not value.requires_grad:
        raise ValueError(f"loss: returned {value!r}, expected a scalar tensor with a gradient")
    return value, state


def _moved(batch: Any, device: torch.device) -> Any:
    sizes = {tuple(tensor.shape[:1]) for tensor in leaves(batch, "batch")}
    if len(sizes) != 1 or sizes == {()}:
        raise ValueError(f"batch: its tensors have first dimensions {sorted(sizes)}, expected one, the batch")
    return tree_map(lambda tensor: tensor.to(device), batch, "batch")


def _loop(run: Run, loss: Callable, evaluate: Callable | None, folder: Path | None, progress: bool) -> None:
    config, history, optimizer = run.history.config, run.history, run.optimizer
    parameters = optimizer.param_groups[0]["params"]
    first, last = len(history.losses) + 1, config.steps
    unread: list[Tensor] = []
    start = time.perf_counter() - history.seconds  # on top of what earlier parts of the run took
    with progress_bar("training", "step", last, first - 1, shown=progress, leave=True) as bar:
        for step in range(first, last + 1):
            rate = learning_rate(config, step)
            optimizer.param_groups[0]["lr"] = rate
            batch = _moved(run.batches.next_batch(), run.device)
            with autocast(history.precision, run.device):
                value, state = _checked(loss(run.model, batch, run.state))
            optimizer.zero_grad()
            value.backward()
            norm = nn.utils.clip_grad_norm_(parameters, math.inf if config.clip_norm is None else config.clip_norm)
            history.learning_rates.append(rate)
            unread.append(torch.stack((value.detach().float(), norm)))

            evaluation_due = _due(step, config.evaluate_every, last)
            checkpoint_due = _due(step, config.checkpoint_every, last)
            at_once = run.device.type == "cpu" or step == last
            if at_once or evaluation_due or checkpoint_due or len(unread) == _STEPS_UNREAD:
                _read(unread, history)
                _tell(bar, history)
            optimizer.step()
            run.state = tree_map(detach, state, "state")
            if step == first and folder is not None:
                pack(run.state, [])  # refused now, not at the first checkpoint
            if evaluate is not None and evaluation_due:
                history.evaluations.append((step, _evaluate(evaluate, run)))
                _tell(bar, history)
            if folder is not None and checkpoint_due:
                history.seconds = time.perf_counter() - start
                checkpoint.save(folder, step, run.checkpoint())
            bar.update()
    optimizer.zero_grad()
    history.seconds = time.perf_counter() - start


def _read(unread: list[Tensor], history: History) -> None:
    for value, norm in torch.stack(unread).tolist():
        if not math.isfinite(value) or not math.isfinite(norm):
            step = len(history.losses) + 1
            raise FloatingPointError(f"step {step}: the loss is {value}, its gradient's norm {norm}, expected finite")
        history.losses.append(value)
        history.gradient_norms.append(norm)
    unread.clear()


def _evaluate(evaluate: Callable, run: Run) -> float:
    with torch.no_grad(), mode(run.model, training=False), _own_random_numbers(run.device):
        value = float(evaluate(run.model))
    if not math.isfinite(value):
        raise FloatingPointError(f"step {len(run.history.losses)}: evaluate returned {value}, expected a finite number")
    return value


def _due(step: int, every: int | None, last: int) -> bool:
    return step == last or (every is not None and step % every == 0)


def _tell(bar: Any, history: History) -> None:
    held_out = f", held out {history.evaluations[-1][1]:.3f}" if history.evaluations else ""
    bar.set_postfix_str(f"loss {history.losses[-1]:.3f}{held_out}", refresh=False)


def _own_random_numbers(device: torch.device) -> AbstractContextManager[None]:
    return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])
