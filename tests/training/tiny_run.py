"""A run small enough to be made a hundred times: a recurrent net with dropout that carries its state over a stream."""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from brainlib.training import History, TrainingConfig, train


class Memory(NamedTuple):
    position: int
    hidden: Tensor


class TinyModel(nn.Module):
    def __init__(self, dropout: float = 0.1, width: int = 12) -> None:
        super().__init__()
        self.embedding = nn.Embedding(16, width)
        self.recurrent = nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(dropout)
        self.readout = nn.Linear(width, 16)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, tokens: Tensor, targets: Tensor, state: Memory | None) -> tuple[Tensor, Memory]:
        position, hidden = state or (0, torch.zeros(len(tokens), self.recurrent.out_features))
        outputs = []
        for inputs in self.embedding(tokens).unbind(1):
            hidden = torch.tanh(self.recurrent(torch.cat((self.dropout(inputs), hidden), dim=1)))
            outputs.append(hidden)
        if self.training:
            self.seen += tokens.shape[1]
        loss = nn.functional.cross_entropy(self.readout(torch.stack(outputs, 1)).flatten(0, 1), targets.flatten())
        # Transposed twice over, so that the state does not lie in memory in order.
        return loss, Memory(position + tokens.shape[1], hidden.T.contiguous().T)


class TinyBatches:
    """Noisy counting, `rows` streams of it; knows its place."""

    def __init__(self, rows: int = 4, length: int = 6, seed: int = 0) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.rows, self.length = rows, length
        self.place = torch.zeros((), dtype=torch.int64)

    def next_batch(self) -> tuple[Tensor, Tensor]:
        noise = torch.randint(0, 3, (self.rows, self.length + 1), generator=self.generator)
        tokens = (self.place + torch.arange(self.length + 1) + noise + torch.arange(self.rows)[:, None]) % 16
        self.place += self.length
        return tokens[:, :-1], tokens[:, 1:]

    def state_dict(self) -> dict[str, Tensor]:
        return {"place": self.place, "generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.place = state["place"].clone()
        self.generator.set_state(state["generator"])


def tiny_loss(model: nn.Module, batch: tuple[Tensor, Tensor], state: Memory | None) -> tuple[Tensor, Memory]:
    return model(*batch, state)


def tiny_evaluation(model: nn.Module) -> float:
    torch.rand(3)  # whoever draws random numbers here must not disturb the training
    return model(*TinyBatches(seed=99).next_batch(), None)[0].item()


def tiny_config(**changes) -> TrainingConfig:
    fields = {"steps": 12, "learning_rate": 0.01, "warmup_steps": 3, "decay": "cosine", "evaluate_every": 5}
    return TrainingConfig(**fields | {"checkpoint_every": 3, "seed": 7} | changes)


def tiny_model(dropout: float = 0.1, seed: int = 1) -> TinyModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return TinyModel(dropout)


def tiny_train(folder: str | Path | None = None, dropout: float = 0.1, **changes) -> tuple[TinyModel, History]:
    model = tiny_model(dropout)
    config = tiny_config(**changes)
    history = train(model, tiny_loss, TinyBatches(), config, tiny_evaluation, folder, progress=False)
    return model, history
