"""One token at a time: the Triton kernels against the same sums in torch."""

import pytest
import torch

pytest.importorskip("triton")

from brainlib.bdh.kernels.triton import decode

B, H, K, D = 2, 3, 150, 24


def normal(*shape, device):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape))).to(device)


def test_hearing_and_learning(device, poisoned):
    synapses, q, v = normal(B, H, K, D, device=device), normal(B, H, K, device=device), normal(B, D, device=device)
    q = q * (q > 0.5)
    after = synapses.clone()
    attended = decode.read_and_write(after, q, v)
    expected = synapses + q[..., None] * v[:, None, None]
    torch.testing.assert_close(attended, torch.einsum("bhk,bhkd->bhd", q, synapses))
    torch.testing.assert_close(after, expected)


def test_silent_neurons_are_not_read(device):
    synapses, q, v = normal(B, H, K, D, device=device), normal(B, H, K, device=device), normal(B, D, device=device)
    q[..., ::2] = 0
    synapses[:, :, ::2] = float("nan")
    assert decode.read_and_write(synapses, q, v).isfinite().all()
    assert synapses[:, :, ::2].isnan().all()


def test_firing(device, poisoned):
    normed, x = normal(B, H, D, device=device), normal(B, H, K, device=device).relu()
    decoder_y, encoder = normal(H, K, D, device=device), normal(H, K, D + 1, device=device)[..., :D].contiguous()
    decoder_y[0, 0], encoder[0, 0], x[:, 0, 0] = float("nan"), float("nan"), 0.0  # silent: not read
    found = decode.gate_rows(normed, decoder_y, x, encoder)
    decoder_y[0, 0], encoder[0, 0] = 0.0, 0.0
    y = torch.einsum("bhd,hkd->bhk", normed, decoder_y).relu() * x
    torch.testing.assert_close(found, torch.einsum("bhk,hkd->bd", y, encoder))
