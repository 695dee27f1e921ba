"""The Dragon Hatchling as its authors' formula states it (Appendix E), in plain PyTorch: the yardstick of the
benchmarks.

Written from the formula, with the cost of the official code: the full score matrix, RoPE tables in every layer,
everything kept for autograd, and generation that reads the whole prefix again for every byte.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, dropout, layer_norm


class OfficialBDH(nn.Module):
    def __init__(self, layers=6, dim=256, heads=4, neurons=32768, vocab=256, dropout=0.1):
        super().__init__()
        self.layers, self.dropout = layers, dropout
        head_neurons = neurons // heads

        def weight(*shape):
            return nn.Parameter(torch.randn(shape) * 0.02)

        self.embed = nn.Embedding(vocab, dim)
        nn.init.normal_(self.embed.weight, std=0.02)
        self.encoder, self.encoder_v = weight(heads, dim, head_neurons), weight(heads, dim, head_neurons)
        self.decoder, self.lm_head = weight(neurons, dim), weight(dim, vocab)
        even = torch.arange(head_neurons, dtype=torch.float32) // 2 * 2
        self.attn = nn.Module()
        self.attn.register_buffer("freqs", (1 / 2**16 ** (even / head_neurons) / (2 * math.pi)).view(1, 1, 1, -1))

    def rope(self, x: Tensor) -> Tensor:
        steps = torch.arange(x.shape[-2], device=x.device, dtype=self.attn.freqs.dtype).view(1, 1, -1, 1)
        phases = steps * self.attn.freqs % 1 * (2 * math.pi)
        turned = torch.stack((-x[..., 1::2], x[..., ::2]), dim=-1).view(x.shape)
        return (x * phases.cos()).to(x.dtype) + (turned * phases.sin()).to(x.dtype)

    def forward(self, tokens: Tensor, targets: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        dim = self.embed.embedding_dim
        batch, time = tokens.shape
        v = layer_norm(self.embed(tokens).unsqueeze(1), (dim,))
        for _ in range(self.layers):
            x = (v @ self.encoder).relu()
            q = self.rope(x)
            a = (q @ q.mT).tril(-1) @ v
            y = dropout((layer_norm(a, (dim,)) @ self.encoder_v).relu() * x, self.dropout, self.training)
            u = y.transpose(1, 2).reshape(batch, 1, time, -1) @ self.decoder
            v = layer_norm(v + layer_norm(u, (dim,)), (dim,))
        logits = v.view(batch, time, dim) @ self.lm_head
        loss = None if targets is None else cross_entropy(logits.flatten(0, 1), targets.flatten())
        return logits, loss

    @torch.no_grad()
    def generate(self, tokens: Tensor, new_tokens: int) -> Tensor:
        for _ in range(new_tokens):
            logits, _ = self(tokens)
            tokens = torch.cat((tokens, logits[:, -1:].argmax(-1)), dim=1)
        return tokens
