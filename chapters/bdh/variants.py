"""Variants of the model of Appendix E, all trained alike on nine plays: eqs. (7) and (8), one norm less, more passes
through the shared layer."""

import math
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, embedding

from brainlib import data, runs
from brainlib.backend import resolve_device
from brainlib.bdh.norm import norm
from brainlib.bdh.rotation import rope_frequencies, rotate, rotation
from brainlib.training import TrainingConfig, train
from chapters.bdh.tuning import search

NORMS = ("the embedding", "what is recalled", "the update", "the channel")
OFFICIAL, FAN_IN = "official", "fan-in"
NOTHING = math.log(256)  # nats a byte, of having learned nothing
TUNING = 10_000  # added to the seed: tuning sees no seed that is judged


@dataclass(frozen=True)
class Variant:
    """Appendix E, or what differs from it; `norms` are those of `NORMS` that it has."""

    passes: int = 4
    heads: int = 4
    residual_x: bool = False
    residual_v: bool = True
    norms: tuple[str, ...] = NORMS


LISTING, NORM_FREE, NO_NORM = "Appendix E", "eq. (7): and no norm", "no norm at all"
VARIANTS = {
    LISTING: Variant(),
    "one head": Variant(heads=1),
    "one head, residual on x": Variant(heads=1, residual_x=True),
    "eq. (8): and none on v": Variant(heads=1, residual_x=True, residual_v=False, norms=NORMS[:3]),
    NORM_FREE: Variant(heads=1, residual_x=True, residual_v=False, norms=()),
    **{f"no norm of {name}": Variant(norms=tuple(other for other in NORMS if other != name)) for name in NORMS},
    NO_NORM: Variant(norms=()),
    **{f"{passes} passes": Variant(passes=passes) for passes in (2, 8, 16)},
}


@dataclass(frozen=True)
class Settings:
    """What all variants share: sizes, starts, the learning rates tried first and how many at most, the number of seeds;
    `held_out` bytes tune the rates, as many others judge."""

    dim: int
    neurons: int
    batch: int
    length: int
    steps: int
    held_out: int
    starts: tuple[str, ...]
    rates: tuple[float, float, float]
    most_rates: int
    seeds: int


SETTINGS = {
    "ci": Settings(16, 128, 8, 32, 30, 4096, (FAN_IN,), (2**-6, 2**-4, 2**-2), 4, 2),
    "laptop": Settings(32, 512, 8, 64, 250, 16384, (OFFICIAL, FAN_IN), (2**-7, 2**-6, 2**-5), 8, 5),
    "paper": Settings(64, 4096, 16, 128, 2000, 65536, (OFFICIAL, FAN_IN), (2**-9, 2**-8, 2**-7), 8, 5),
}


@dataclass(frozen=True)
class Training:
    """One training: a variant from a start at a learning rate."""

    variant: Variant
    settings: Settings
    start: str
    rate: float


class Plain(nn.Module):
    """A variant in plain operations; it begins with weights of N(0, 0.02^2), as the official code, or of variance
    1 / (inputs)."""

    frequencies: Tensor

    def __init__(self, variant: Variant, dim: int, neurons: int, start: str):
        super().__init__()
        self.variant, heads = variant, variant.heads
        inward, readout = (heads, dim, neurons // heads), (dim, 256)
        outward = (heads, neurons // heads, dim)
        shapes = {"embedding": (256, dim), "Dx": inward, "Dy": inward, "E": outward, "readout": readout}
        spread = {"embedding": 1.0, "Dx": dim**-0.5, "Dy": dim**-0.5, "E": neurons**-0.5}
        for name, shape in shapes.items():
            std = spread.get(name, 0.02) if start == FAN_IN else 0.02
            self.register_parameter(name, nn.Parameter(std * torch.randn(shape)))
        self.register_buffer("frequencies", rope_frequencies(neurons // heads))

    def forward(self, tokens: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time 256"]:
        """Logits for the token after each."""
        return self.channel(tokens) @ self.readout

    def channel(self, tokens: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time dim"]:
        """v after the last pass."""
        variant = self.variant

        def normed(values: Tensor, name: str) -> Tensor:
            return norm(values) if name in variant.norms else values

        v, x = normed(embedding(tokens.long(), self.embedding), "the embedding"), 0
        rope = rotation(self.frequencies, 0, tokens.shape[1], v.dtype)
        for _ in range(variant.passes):
            excited = (v[:, None] @ self.Dx).relu()
            x = x + excited if variant.residual_x else excited
            q = rotate(x, rope)
            recalled = normed((q @ q.mT).tril(-1) @ v[:, None], "what is recalled")
            y = (recalled @ self.Dy).relu() * x
            update = normed((y @ self.E).sum(1), "the update")
            v = normed(v + update, "the channel") if variant.residual_v else update
        return v

    @torch.no_grad()
    def tame(self, tokens: Int[Tensor, "batch time"]) -> None:
        """Makes Dx, Dy and E smaller until these tokens' last v is within a standard deviation of 6; where the update
        or the channel is normalised, four passes cannot lead beyond it."""
        while not self.channel(tokens).std() <= 6:
            for weight in (self.Dx, self.Dy, self.E):
                weight.mul_(0.9)


def learn(training: Training, seed: int, *, device: str = "auto", folder: Path | None = None) -> dict[str, Any]:
    """The held-out loss in nats a byte, on bytes that tune and on those that judge, and the gradient's norm at every
    step (before clipping).

    A training that ends above log 256, the loss of having learned nothing, counts as that; one whose numbers overflow,
    too, and it has no norms.
    """
    settings = training.settings
    text, held_out = data.split(data.shakespeare())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Plain(training.variant, settings.dim, settings.neurons, training.start).to(resolve_device(device))
    crops = data.RandomCrops(text, settings.batch, settings.length, seed)
    if training.start == FAN_IN:
        model.tame(crops.next_batch()[0].to(model.readout.device))
    config = TrainingConfig(
        settings.steps, training.rate, settings.steps // 10, "cosine", betas=(0.9, 0.99), seed=seed
    )  # fmt: skip
    try:
        history = train(model, next_byte_loss, crops, config)
    except FloatingPointError:
        return {"tuning": NOTHING, "loss": NOTHING, "gradients": []}
    tuning, loss = (
        min(NOTHING, mean_loss(model, part, settings.length)) for part in held_out.split(settings.held_out)[:2]
    )
    return {"tuning": tuning, "loss": loss, "gradients": history.gradient_norms}


def next_byte_loss(model: Plain, batch: tuple[Tensor, Tensor], state: None) -> tuple[Tensor, None]:
    inputs, targets = batch
    return cross_entropy(model(inputs).flatten(0, 1), targets.flatten().long()), None


@torch.no_grad()
def mean_loss(model: Plain, text: UInt8[Tensor, "bytes"], length: int) -> float:
    """Nats a byte over the text, in windows that each begin without synapses."""
    total = 0.0
    for batch in data.windows(text, length, 32):
        on_device = tuple(part.to(model.readout.device) for part in batch)
        total += float(next_byte_loss(model, on_device, None)[0]) * batch[1].numel()
    return total / (len(text) - 1)


def tune(settings: Settings, seed: int, device: str = "auto") -> dict[tuple[str, str], dict[float, float]]:
    """Of every variant and start the loss at each learning rate that was tried."""

    def losses(variant: Variant, start: str) -> dict[float, float]:
        def training(rate: float) -> Training:
            return Training(variant, settings, start, rate)

        return search(learn, training, settings.rates, TUNING + seed, device, settings.most_rates)

    return {(v, start): losses(variant, start) for v, variant in VARIANTS.items() for start in settings.starts}


def compare(profile: str, seed: int, device: str = "auto") -> list[dict[str, Any]]:
    """A row for each variant: start and rate that tuning chose, the losses of all seeds, how many learned nothing, and
    the mean, where nothing overflowed, of the gradient's norm at the first step, its median and its largest."""
    settings = SETTINGS[profile]
    tried = tune(settings, seed, device)
    best = {}
    for v in VARIANTS:
        found = [(loss, start, rate) for start in settings.starts for rate, loss in tried[v, start].items()]
        best[v] = Training(VARIANTS[v], settings, *min(found)[1:])
    seeds = range(seed * settings.seeds, (seed + 1) * settings.seeds)
    rows = []
    for v, results in runs.study(learn, best, seeds, device=device).items():
        norms = [result["gradients"] for result in results if result["gradients"]]
        rows.append(
            {
                "variant": v,
                "start": best[v].start,
                "rate": best[v].rate,
                "rates": {start: sorted(tried[v, start]) for start in settings.starts},
                "losses": [result["loss"] for result in results],
                "learned nothing": sum(result["loss"] == NOTHING for result in results),
                "gradient": [fmean(map(part, norms)) for part in (lambda n: n[0], median, max)] if norms else [],
            }
        )
    return rows
