"""The loss of a language model at every byte of a text, read as long streams, and what more context is worth."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from brainlib.arguments import whole_number
from brainlib.training.mode import mode

WINDOWS = 64  # of a text that are read side by side


@torch.no_grad()
def byte_losses(
    model: nn.Module, tokens: UInt8[Tensor, "bytes"], batch: int, length: int
) -> Float[Tensor, "batch stream"]:
    """How surprised the model is by every byte, in nats: row r is the r-th of `batch` equal parts of the text.

    Every part is read in pieces of `length` bytes, each with the state that the last one left, so that column t has t
    bytes of context. The first column is NaN, as nothing predicts it; up to `batch - 1` bytes at the text's end are
    left out.

    `model(tokens, state=...)` returns logits, a loss and a state, as every language model of the book does.
    Raises `ValueError` if a part would have fewer than two bytes, or for an argument below 1.

    >>> from brainlib.bdh import BDH, BDHConfig
    >>> model = BDH(BDHConfig(layers=1, dim=8, heads=1, neurons=16))
    >>> byte_losses(model, torch.arange(40, dtype=torch.uint8), batch=2, length=8).shape
    torch.Size([2, 20])
    """
    for name, value in (("batch", batch), ("length", length)):
        whole_number(name, value, least=1)
    if len(tokens) < 2 * batch:
        raise ValueError(f"tokens: got {len(tokens)} bytes, expected at least {2 * batch} for {batch} parts")
    device = next(model.parameters()).device
    streams = tokens[: len(tokens) // batch * batch].view(batch, -1)
    losses = torch.full(streams.shape, torch.nan)
    state = None
    with mode(model, training=False):
        for first in range(0, streams.shape[1] - 1, length):
            last = min(first + length, streams.shape[1] - 1)
            inputs, targets = (streams[:, first + by : last + by].to(device).long() for by in (0, 1))
            logits, _, state = model(inputs, state=state)
            surprise = cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="none")
            losses[:, first + 1 : last + 1] = surprise.view(targets.shape).cpu()
    return losses


def loss_by_context(
    model: nn.Module, text: UInt8[Tensor, "bytes"], length: int, contexts: Sequence[int]
) -> Float[Tensor, " contexts"]:
    """Mean loss on the same bytes of a text after c to 2 c - 1 bytes of context, for every c of `contexts`, in nats.

    For each c the text is cut into windows of 2 c + 1 bytes that begin c bytes apart and without a state; their second
    halves count, each byte once. The windows are read in pieces of `length` bytes, the state carried. What comes before
    the first `max(contexts)` bytes' end is left out, so that all c are judged by one text.

    Raises `ValueError` for no contexts, one or a length below 1, and a text shorter than 2 max(contexts) + 1 bytes.

    >>> from brainlib.bdh import BDH, BDHConfig
    >>> model = BDH(BDHConfig(layers=1, dim=8, heads=1, neurons=16))
    >>> loss_by_context(model, torch.arange(40, dtype=torch.uint8), length=8, contexts=[2, 8]).shape
    torch.Size([2])
    """
    if not len(contexts):
        raise ValueError("contexts: got none, expected some of at least 1 byte")
    contexts = [whole_number("contexts", context, least=1) for context in contexts]
    if len(text) <= 2 * max(contexts):
        least = 2 * max(contexts) + 1
        raise ValueError(f"text: got {len(text)} bytes, expected at least {least} for the longest of the contexts")
    return torch.stack([_after(model, text[max(contexts) - context :], length, context) for context in contexts])


def _after(model: nn.Module, text: Tensor, length: int, context: int) -> Tensor:
    parts = text.unfold(0, 2 * context + 1, context).split(WINDOWS)
    losses = [byte_losses(model, rows.flatten(), len(rows), length)[:, context + 1 :] for rows in parts]
    return torch.cat(losses).mean()
