"""Drawing tokens one after another from a function that reads one token and gives the logits for the next."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor


def check_sampling(max_new_tokens: int, temperature: float, top_k: int | None, vocab: int) -> None:
    """Raises `ValueError` for a negative count or temperature and a top_k outside 1 .. vocab."""
    if max_new_tokens < 0:
        raise ValueError(f"max_new_tokens: got {max_new_tokens}, expected at least 0")
    if temperature < 0:
        raise ValueError(f"temperature: got {temperature}, expected at least 0")
    if top_k is not None and not 1 <= top_k <= vocab:
        raise ValueError(f"top_k: got {top_k}, expected 1 to {vocab}")


def draw(
    logits: Float[Tensor, "batch vocab"],
    step: Callable[[Tensor], Tensor],
    count: int,
    temperature: float,
    top_k: int | None,
    generator: torch.Generator | None,
) -> list[Int[Tensor, "batch"]]:
    """`count` tokens, the first from `logits` and each next from `step(token)`."""
    tokens = []
    for number in range(count):
        tokens.append(sample(logits, temperature, top_k, generator))
        if number < count - 1:
            logits = step(tokens[-1])
    return tokens


def sample(
    logits: Float[Tensor, "batch vocab"], temperature: float, top_k: int | None, generator: torch.Generator | None
) -> Int[Tensor, "batch"]:
    """One token a row by softmax(logits / temperature) over the `top_k` likeliest; at 0 the likeliest."""
    if temperature == 0:
        return logits.argmax(-1)
    if top_k is not None:
        least = logits.topk(top_k).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    return torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)[:, 0]
