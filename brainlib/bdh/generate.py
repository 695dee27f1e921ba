"""Text from the recurrent state: read the prompt once, then one token at a time at a cost that does not grow."""

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor
from torch.nn.functional import embedding

from brainlib.bdh.kernels import decode_round
from brainlib.bdh.norm import norm
from brainlib.bdh.rotation import rotation

if TYPE_CHECKING:
    from brainlib.bdh.model import BDH, BDHState


@torch.no_grad()
def generate(
    model: "BDH",
    prompt: Integer[Tensor, "batch time"],
    max_new_tokens: int,
    temperature: float,
    top_k: int | None,
    generator: torch.Generator | None,
) -> Int[Tensor, "batch longer"]:
    """See `BDH.generate`. Raises `ValueError` for a negative count or temperature and a top_k outside 1 .. vocab."""
    if max_new_tokens < 0:
        raise ValueError(f"max_new_tokens: got {max_new_tokens}, expected at least 0")
    if temperature < 0:
        raise ValueError(f"temperature: got {temperature}, expected at least 0")
    if top_k is not None and not 1 <= top_k <= model.config.vocab:
        raise ValueError(f"top_k: got {top_k}, expected 1 to {model.config.vocab}")
    training = model.training
    model.eval()
    try:
        logits, _, state = model(prompt)
        step = Step(model, state)
        tokens = [prompt.long()]
        for _ in range(max_new_tokens):
            tokens.append(sample(logits[:, -1], temperature, top_k, generator))
            logits = step(tokens[-1])
    finally:
        model.train(training)
    return torch.cat(tokens, dim=1)


class Step:
    """Reads one token after another into the synapses of `state`, which it changes in place."""

    def __init__(self, model: "BDH", state: "BDHState"):
        config = model.config
        self.model, self.synapses, self.position = model, state.synapses, int(state.position)
        self.decoder_y = model.decoder_y.mT.contiguous()
        self.encoder = model.encoder.view(config.heads, config.head_neurons, config.dim)

    def __call__(self, token: Int[Tensor, "batch 1"]) -> Float[Tensor, "batch 1 vocab"]:
        model = self.model
        v = norm(embedding(token[:, 0], model.embedding))
        turn = rotation(model.frequencies, self.position, 1, v.dtype)
        for synapses in self.synapses:
            v = norm(v + norm(decode_round(v, model.decoder_x, self.decoder_y, self.encoder, turn, synapses)))
        self.position += 1
        return (v @ model.readout)[:, None]


def sample(
    logits: Float[Tensor, "batch vocab"], temperature: float, top_k: int | None, generator: torch.Generator | None
) -> Int[Tensor, "batch 1"]:
    if temperature == 0:
        return logits.argmax(-1, keepdim=True)
    if top_k is not None:
        least = logits.topk(top_k).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    return torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)
