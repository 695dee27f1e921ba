"""The hand-written backward pass of the round against autograd of the same formula."""

import pytest
import torch
from torch.nn.functional import layer_norm

from brainlib.bdh.kernels import decode, neuron_layer, slabs
from brainlib.bdh.norm import norm
from brainlib.bdh.rotation import rope_frequencies, rotate, rotation

B, T, H, D, K = 3, 11, 2, 6, 8


def inputs(synapses: bool, start: int = 0):
    g = torch.Generator().manual_seed(0)
    v, dx, dy, e, rho = (
        torch.randn(*shape, generator=g, dtype=torch.float64).requires_grad_()
        for shape in ((B, T, D), (H, D, K), (H, D, K), (H, K, D), (B, H, K, D))
    )
    return v, dx, dy, e, rotation(rope_frequencies(K), start, T, torch.float64), rho if synapses else None


def formula(v, dx, dy, e, rope, rho, decay=None, mask=1.0, bptt=True):
    decay = v.new_zeros(H) if decay is None else decay
    x = (v[:, None] @ dx).relu()
    q = rotate(x, rope)
    key, value = (q, v[:, None]) if bptt else (q.detach(), v[:, None].detach())
    t = torch.arange(v.shape[1])
    rate = decay[:, None, None]
    a = ((-rate * (t[:, None] - t)).exp() * (q @ key.mT)).tril(-1) @ value
    after = key.mT @ ((-rate * (len(t) - t[:, None])).exp() * value)
    if rho is not None:
        rho = rho if bptt else rho.detach()
        a, after = a + (-rate * t[:, None]).exp() * (q @ rho), after + (-rate * len(t)).exp() * rho
    y = (layer_norm(a, (D,)) @ dy).relu() * x * mask
    return (y @ e).sum(1), after


def decays():
    return torch.tensor([0.3, 0.02], dtype=torch.float64, requires_grad=True)


@pytest.fixture(params=["one sequence a slab", "two", "all"])
def slab_size(request, monkeypatch):
    rows = {"one sequence a slab": 1, "two": 2, "all": B}[request.param]
    monkeypatch.setattr(slabs, "SLAB_BYTES", rows * T * K * 8)


@pytest.mark.parametrize("tile", [4, 128])
@pytest.mark.parametrize("carried_in", [False, True])
@pytest.mark.parametrize("carried_out", [False, True])
@pytest.mark.parametrize("fading", [False, True])
def test_values_and_gradients_are_those_of_the_formula(slab_size, monkeypatch, tile, carried_in, carried_out, fading):
    monkeypatch.setattr(slabs, "TILE", tile)
    arguments = (*inputs(carried_in, start=5), decays() if fading else None)
    leaves = [t for t in arguments if t is not None and t.requires_grad]
    weight = torch.linspace(-1, 1, B * T * D, dtype=torch.float64).view(B, T, D)

    def gradients(update, after):
        total = (update * weight).sum() + (after.sin().sum() if carried_out else 0)
        return torch.autograd.grad(total, leaves)

    update, after = neuron_layer(*arguments, return_state=carried_out)
    expected_update, expected_after = formula(*arguments)
    torch.testing.assert_close(update, expected_update, rtol=1e-10, atol=1e-10)
    assert (after is not None) == carried_out
    if carried_out:
        torch.testing.assert_close(after, expected_after, rtol=1e-10, atol=1e-10)
    for found, expected in zip(gradients(update, after), gradients(expected_update, expected_after), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_only_the_synapses_may_carry_a_gradient():
    arguments = inputs(True)
    _, after = neuron_layer(*arguments)
    _, expected = formula(*arguments)
    leaves = [arguments[0], arguments[1], arguments[5]]
    for found, wanted in zip(
        torch.autograd.grad(after.sin().sum(), leaves), torch.autograd.grad(expected.sin().sum(), leaves), strict=True
    ):
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("carried_in", [False, True])
def test_without_time_earlier_tokens_and_synapses_are_constants(carried_in):
    arguments = (*inputs(carried_in, start=5), decays())
    leaves = [arguments[i] for i in (0, 1, 2, 3, 6)]
    update, after = neuron_layer(*arguments, bptt=False)
    expected_update, expected_after = formula(*arguments, bptt=False)
    torch.testing.assert_close(update, expected_update, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(after, expected_after, rtol=1e-10, atol=1e-10)
    assert not after.requires_grad
    for found, wanted in zip(
        torch.autograd.grad(update.sin().sum(), leaves),
        torch.autograd.grad(expected_update.sin().sum(), leaves),
        strict=True,
    ):
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)


def test_dropout_uses_one_mask_forward_and_backward():
    arguments = inputs(False)
    torch.manual_seed(3)
    update, _ = neuron_layer(*arguments, dropout=0.4)
    torch.manual_seed(3)
    seed = int(torch.randint(2**62, ()))
    masks = torch.ones(H, B, T, K, dtype=torch.float64)
    for job in slabs.slabs(H, B, T * K * 8, torch.device("cpu"), seed):
        slabs.dropout_(masks[job.head, job.rows], 0.4, job.seed)
    assert 0.5 < masks.mean() < 0.7
    mask = masks.transpose(0, 1) / slabs.kept_share(0.4)
    expected, _ = formula(*arguments, mask=mask)
    torch.testing.assert_close(update, expected, rtol=1e-10, atol=1e-10)
    for found, wanted in zip(
        torch.autograd.grad(update.sum(), arguments[:4]),
        torch.autograd.grad(expected.sum(), arguments[:4]),
        strict=True,
    ):
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)


def test_dropout_silences_its_share():
    first, again, other = (torch.ones(1000, 1001) for _ in range(3))
    for gate, seed in ((first, 1), (again, 1), (other, 2)):
        slabs.dropout_(gate, 0.3, seed)
    assert abs(float(first.double().mean()) - slabs.kept_share(0.3)) < 3e-3
    assert slabs.kept_share(0.3) == pytest.approx(0.7, abs=2**-17) and slabs.kept_share(0.0) == 1
    assert first.equal(again) and not first.equal(other)


def test_bfloat16_products_stay_near_float32():
    arguments = [None if t is None else (t.detach().float() if t.is_floating_point() else t) for t in inputs(True)]
    arguments[4] = arguments[4].to(torch.complex64)
    exact, exact_after = neuron_layer(*arguments)
    with torch.autocast("cpu", torch.bfloat16):
        rounded, after = neuron_layer(*arguments)
    assert rounded.dtype == after.dtype == torch.float32
    assert 0 < (rounded - exact).norm() / exact.norm() < 0.03
    assert 0 < (after - exact_after).norm() / exact_after.norm() < 0.03


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("fading", [False, True])
def test_decoding_one_token_is_the_round_of_length_one(dtype, fading):
    v, dx, dy, e, _, rho = (
        t.detach().to(dtype) if t is not None and t.is_floating_point() else t for t in inputs(True)
    )
    rope = rotation(rope_frequencies(K), 9, 1, dtype)
    decay = decays().detach().to(dtype) if fading else None
    faded = torch.tensor([1e-3, 0.5] if fading else [1.0, 1.0], dtype=dtype)
    update, first = neuron_layer(v[:, :1], dx, dy, e, rope, rho, decay)
    said = norm(v[:, 0] + norm(update[:, 0]))
    update, second = neuron_layer(said[:, None], dx, dy, e, rope, rho, decay)
    said = norm(said + norm(update[:, 0]))

    synapses = torch.stack((rho, rho)) / faded[:, None, None]
    decoded = decode(v[:, 0], dx.mT.contiguous(), dy.mT.contiguous(), e, rope, synapses, faded)
    left = faded * (-decay).exp() if fading else faded
    tolerance = 2e-5 if dtype == torch.float32 else 1e-12
    torch.testing.assert_close(decoded, said, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(
        synapses * left[:, None, None], torch.stack((first, second)), rtol=tolerance, atol=tolerance
    )


def test_silent_neurons_are_not_looked_at():
    v, dx, dy, e, _, rho = (t.detach() if t is not None else t for t in inputs(True))
    rope = rotation(rope_frequencies(K), 9, 1, torch.float64)
    silent = slice(2, 6)  # two whole pairs
    dx[:, :, silent] = 0
    expected_synapses = rho[None].clone()
    arguments = [t.mT.contiguous() for t in (dx, dy)]
    expected = decode(v[:, 0], *arguments, e, rope, expected_synapses, torch.ones(H, dtype=torch.float64))
    synapses = rho[None].clone()
    for unread in (synapses[..., silent, :], arguments[1][:, silent], e[:, silent]):
        unread.fill_(torch.nan)
    decoded = decode(v[:, 0], *arguments, e, rope, synapses, torch.ones(H, dtype=torch.float64))
    assert decoded.equal(expected)
    assert synapses[..., silent, :].isnan().all()
    assert synapses[..., 6:, :].equal(expected_synapses[..., 6:, :])


def test_decoding_leaves_torchs_threads_alone(small, tokens):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        small.generate(tokens, 2)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
