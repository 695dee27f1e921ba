"""Drawing tokens one after another from a function that reads one token and gives the logits for the next."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from brainlib.arguments import whole_number


def check_sampling(max_new_tokens: int, temperature: float, top_k: int | None, vocab: int) -> None:
    """Raises `ValueError` for a negative count or temperature and a top_k outside 1 .. vocab."""
    whole_number("max_new_tokens", max_new_tokens, least=0)
    if not temperature >= 0:
        raise ValueError(f"temperature: got {temperature}, expected at least 0")
    if top_k is not None and not 1 <= whole_number("top_k", top_k) <= vocab:
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
    """One token a row by softmax(logits / temperature) over the `top_k` likeliest; at 0 the likeliest.

    Of equally likely tokens so many are left out that no more than `top_k` remain.
    """
    if top_k == 1 or temperature < torch.finfo(torch.float32).tiny:
        return logits.argmax(-1)
    scaled = (logits - logits.amax(-1, keepdim=True)) / temperature  # at most 0, which no temperature makes infinite
    if top_k is not None:
        kept = logits.topk(top_k).indices
        scaled = torch.full_like(scaled, -torch.inf).scatter(-1, kept, scaled.gather(-1, kept))
    scaled = scaled.masked_fill(logits == -torch.inf, -torch.inf)  # which an infinite temperature makes a NaN
    return torch.multinomial(scaled.softmax(-1), 1, generator=generator)[:, 0]
