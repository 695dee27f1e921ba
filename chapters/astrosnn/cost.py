"""What a byte costs after a short and after a long past, and whether every way of computing writes the same."""

import copy
import itertools
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Int, Integer
from torch import Tensor

from brainlib.arguments import seeded
from brainlib.astrosnn import AstroSNN, AstroSNNState
from brainlib.astrosnn.mixers import Attention, AttentionState
from brainlib.sampling import sample
from chapters.astrosnn.language import OURS, TRANSFORMER, Plan

PIECE = 1024  # bytes that are read at once
STEPS = 4  # that are timed at once
FORMS = ("recurrent", "parallel", "chunked")


@torch.no_grad()
def decoding(plan: Plan, models: Mapping[str, AstroSNN]) -> dict[str, list[dict[str, Any]]]:
    """For each of the compared models what one byte costs after each "context": its "milliseconds", and in "state" the
    numbers remembered.

    A round times some bytes of every model after every context, so that whatever else the machine does strikes all
    alike; the fastest round counts.
    """
    timed = {name: models[name] for name in (OURS, "GRU", TRANSFORMER)}
    states = {(name, context): state_after(timed[name], context) for name in timed for context in plan.decode_contexts}
    fastest = dict.fromkeys(states, math.inf)
    for _, (name, context) in itertools.product(range(plan.decode_rounds), states):
        fastest[name, context] = min(fastest[name, context], _seconds(timed[name], states[name, context]))
    return {
        name: [
            {"context": c, "milliseconds": 1000 * fastest[name, c] / STEPS, "state": model.state_size(c)}
            for c in plan.decode_contexts
        ]
        for name, model in timed.items()
    }


@torch.no_grad()
def state_after(model: AstroSNN, context: int) -> AstroSNNState:
    """What the model remembers of `context` random bytes. For attention the cache is filled with random numbers
    instead: to read so much would cost the square of it, and what a cache holds does not change what it costs."""
    device = next(model.parameters()).device
    text = torch.randint(256, (1, context), generator=seeded(context)).to(device)
    cached = any(isinstance(block.mixer, Attention) for block in model.blocks)
    state = None
    for piece in text[:, -1:].split(PIECE, 1) if cached else text.split(PIECE, 1):
        _, _, state = model(piece, state=state)
    if not cached:
        return state
    blocks = []
    for block in state.blocks:  # as long as the text and the byte that is timed
        keys, values = (torch.randn_like(part.expand(-1, -1, context + 1, -1)) for part in block.mixer[:2])
        blocks.append(block._replace(mixer=AttentionState(keys, values, context)))
    return state._replace(blocks=tuple(blocks))


def crossover(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> float:
    """The context from which on a byte of `theirs` takes longer than one of `ours`, read off the line between the two
    contexts around it on logarithmic axes; the first context if it always does, infinity if never."""
    contexts = np.log([one["context"] for one in ours])
    gaps = np.log([their["milliseconds"] / our["milliseconds"] for our, their in zip(ours, theirs, strict=True)])
    if gaps[-1] <= 0:
        return math.inf
    around = slice(np.flatnonzero(gaps <= 0)[-1], None) if gaps.min() <= 0 else slice(0, 1)
    return float(np.exp(np.interp(0, gaps[around][:2], contexts[around][:2])))


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
    devices = ("cpu", "cuda")[: 1 + torch.cuda.is_available()]
    for device, dtype in itertools.product(devices, (torch.float32, torch.float64)):
        copied = copy.deepcopy(model).to(device, dtype).eval()
        for form in (None, *FORMS):
            name = f"{form or 'step by step'}, {str(dtype).removeprefix('torch.')}, {device}"
            texts[name] = written(copied, prompt, count, seed, form)
    return texts


def _seconds(model: AstroSNN, state: AstroSNNState) -> float:
    device = next(model.parameters()).device
    token = torch.zeros(1, dtype=torch.int64, device=device)
    finish = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    model.step(token, state)
    finish()
    start = time.perf_counter()
    for _ in range(STEPS):
        model.step(token, state)
    finish()
    return time.perf_counter() - start
