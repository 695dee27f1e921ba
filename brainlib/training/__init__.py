"""One training loop for every model of the book: `train(model, loss, batches, config) -> History`."""

from brainlib.training.checkpoint import CheckpointError
from brainlib.training.config import TrainingConfig, learning_rate
from brainlib.training.evaluation import byte_losses, loss_by_context
from brainlib.training.history import History
from brainlib.training.loop import train
from brainlib.training.snapshot import Batches

__all__ = [
    "Batches",
    "CheckpointError",
    "History",
    "TrainingConfig",
    "byte_losses",
    "learning_rate",
    "loss_by_context",
    "train",
]
