"""What a byte costs after a short and after a long past, and whether every way of computing writes the same."""

import copy
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int, Integer
from torch import Tensor

from brainlib.arguments import seeded
from brainlib.astrosnn import AstroSNN, AstroSNNState
from brainlib.astrosnn.mixers import Attention, AttentionState
from brainlib.sampling import sample
from chapters.astrosnn.language import Plan

PIECE = 1024  # bytes that are read at once
FORMS = ("recurrent", "parallel", "chunked")


@dataclass(frozen=True)
class Decoding:
    """One more byte after `context` bytes: how long it takes, and how many numbers are remembered."""

    context: int
    milliseconds: float
    state: int


def decoding_of(plan: Plan, models: Mapping[str, AstroSNN]) -> dict[str, list[Decoding]]:
    """`decoding` of the models that the chapter compares."""
    timed = {name: models[name] for name in ("AM-SU", "GRU", "transformer, GELU")}
    return decoding(timed, plan.decode_contexts, plan.decode_rounds)


@torch.no_grad()
def decoding(
    models: Mapping[str, AstroSNN], contexts: Sequence[int], rounds: int = 5, steps: int = 4
) -> dict[str, list[Decoding]]:
    """For each model what one byte costs after each of `contexts` bytes.

    A round times `steps` bytes of every model after every context, so that whatever else the machine does strikes all
    alike; the fastest round counts.
    """
    states = {(name, context): state_after(model, context) for name, model in models.items() for context in contexts}
    fastest = dict.fromkeys(states, math.inf)
    for _ in range(rounds):
        for (name, context), state in states.items():
            fastest[name, context] = min(fastest[name, context], _seconds(models[name], state, steps))
    return {
        name: [
            Decoding(context, 1000 * fastest[name, context] / steps, model.state_size(context)) for context in contexts
        ]
        for name, model in models.items()
    }


@torch.no_grad()
def state_after(model: AstroSNN, context: int) -> AstroSNNState:
    """What the model remembers of `context` random bytes. For attention the cache is filled with random numbers
    instead: to read so much would cost the square of it, and what a cache holds does not change what it costs."""
    device, generator = (next(model.parameters()).device, torch.Generator().manual_seed(context))
    text = torch.randint(256, (1, context), generator=generator).to(device)
    cached = any(isinstance(block.mixer, Attention) for block in model.blocks)
    state = None
    for piece in text[:, -1:].split(PIECE, 1) if cached else text.split(PIECE, 1):
        _, _, state = model(piece, state=state)
    if not cached:
        return state
    length = context + 1  # and the byte that is timed
    blocks = []
    for block in state.blocks:
        keys, values = (torch.randn_like(part.expand(-1, -1, length, -1)) for part in block.mixer[:2])
        blocks.append(block._replace(mixer=AttentionState(keys, values, context)))
    return state._replace(blocks=tuple(blocks))


def crossover(ours: Sequence[Decoding], theirs: Sequence[Decoding], measure: str) -> float:
    """The context from which on `theirs` costs more than `ours` in `measure` ("milliseconds" or "state"), read off the
    line between the two contexts around it on logarithmic axes; the first context if it always does, infinity if never.
    """
    gaps = [math.log(getattr(their, measure) / getattr(our, measure)) for our, their in zip(ours, theirs, strict=True)]
    last = max((place for place, gap in enumerate(gaps) if gap <= 0), default=-1)
    if last == len(gaps) - 1:
        return math.inf
    if last < 0:
        return float(ours[0].context)
    low, high = (math.log(ours[place].context) for place in (last, last + 1))
    return math.exp(low + (high - low) * gaps[last] / (gaps[last] - gaps[last + 1]))


@torch.no_grad()
def written(
    model: AstroSNN, prompt: Integer[Tensor, "batch time"], count: int, seed: int = 0, form: str | None = None
) -> Int[Tensor, "batch longer"]:
    """The prompt and `count` bytes more, drawn with a seed: one step a byte, or, given a `form` of the astrocytes'
    memory, by reading the whole text anew in that form for every byte.

    Bytes are drawn on the CPU and in float32 whatever the model's dtype and device, so that two models see the same
    random numbers.
    """
    device, generator = next(model.parameters()).device, seeded(seed)
    text = prompt.long().to(device)
    logits, _, state = model(text)
    for _ in range(count):
        token = sample(logits[:, -1].float().cpu(), 1.0, None, generator).to(device)
        text = torch.cat((text, token[:, None]), 1)
        if form is None:
            logits, state = model.step(token, state)
            logits = logits[:, None]
        else:
            logits, _, _ = model(text, return_state=False, form=form)
    return text.cpu()


def written_everywhere(
    model: AstroSNN, prompt: Integer[Tensor, "batch time"], count: int, seed: int = 0
) -> dict[str, Int[Tensor, "batch longer"]]:
    """`written` step by step and in every form, in float32 and float64, on the CPU and, if there is one, on the GPU."""
    texts = {}
    for device in ("cpu", "cuda")[: 1 + torch.cuda.is_available()]:
        for dtype in (torch.float32, torch.float64):
            copied = copy.deepcopy(model).to(device, dtype).eval()
            for form in (None, *FORMS):
                name = f"{form or 'step by step'}, {str(dtype).removeprefix('torch.')}, {device}"
                texts[name] = written(copied, prompt, count, seed, form)
    return texts


def _seconds(model: AstroSNN, state: AstroSNNState, steps: int) -> float:
    device = next(model.parameters()).device
    token = torch.zeros(1, dtype=torch.int64, device=device)
    model.step(token, state)
    _finish(device)
    start = time.perf_counter()
    for _ in range(steps):
        model.step(token, state)
    _finish(device)
    return time.perf_counter() - start


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
