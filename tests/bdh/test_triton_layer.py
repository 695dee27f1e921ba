"""The Triton kernels against a formula in float64: values and every gradient."""

import pytest
import torch
from agreement import difference
from layer_formula import formula, inputs, lowered

pytest.importorskip("triton")

from brainlib.bdh.kernels import triton as kernels
from brainlib.bdh.kernels.layer import Options, bdh_layer, neuron_layer
from brainlib.bdh.kernels.slabs import kept_share
from brainlib.bdh.kernels.triton import layer as steps

SIZES = {  # batch, time, heads, dim, neurons a head
    "one token": (2, 1, 2, 16, 8),
    "less than a tile": (2, 37, 2, 24, 40),
    "odd tiles": (2, 131, 1, 20, 70),
    "whole tiles": (1, 128, 2, 64, 128),
    "wide": (1, 67, 2, 40, 130),
}
NAMES = "dv", "dDx", "dDy", "dE", "d_synapses"


def compare(size, options, device, synapses=True, decay=True, learned=True, mask=1.0):
    """Update, synapses and all gradients: their relative differences from the formula are small."""
    arguments = inputs(*size, synapses, decay, options.precision)
    leaves = {n: t for n, t in zip(NAMES, arguments[:4] + arguments[5:6], strict=True) if t is not None}
    update, after = formula(*arguments, mask=mask, bptt=options.bptt)
    g = torch.Generator().manual_seed(0)
    d_update, d_after = (torch.randn(t.shape, generator=g).to(options.precision).double() for t in (update, after))
    total = (update * d_update).sum() + ((after * d_after).sum() if learned else 0)
    if not options.bptt:
        leaves.pop("d_synapses", None)
    wanted = dict(zip(leaves, torch.autograd.grad(total, leaves.values()), strict=True))

    exact = lowered(arguments, device)
    found_update, found_after, *saved = kernels.forward(*exact, options)
    gradients = lowered((d_update, d_after if learned else None), device)
    found = dict(zip(NAMES, kernels.backward(*gradients, *exact, *saved, options=options), strict=True))
    assert all((found[n] is None) == (n not in leaves) for n in NAMES)
    errors = {name: difference(found[name], w) for name, w in wanted.items()}
    if options.precision.itemsize < 4:  # a gate within rounding of zero may be open or not, for one token more or less
        off = (found["dDy"].cpu().double() - wanted["dDy"]).norm(dim=1) / wanted["dDy"].norm(dim=1)
        errors["dDy"] = float(off.median())  # of the neuron in the middle
    errors["update"] = difference(found_update, update)
    if options.return_state:
        errors["after"] = difference(found_after, after)
    else:
        assert found_after is None
    assert max(errors.values()) < (1e-2 if options.precision.itemsize < 4 else 1e-5), errors


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_float32_values_and_gradients(size, device, poisoned):
    compare(size, Options(torch.float32), device)


@pytest.mark.parametrize(
    ("options", "inputs"),
    [
        ({}, {"synapses": False, "decay": False}),
        ({}, {"synapses": False}),
        ({}, {"decay": False}),
        ({"return_state": False}, {"learned": False}),
        ({"bptt": False}, {"learned": False}),
        ({"bptt": False}, {"learned": False, "synapses": False, "decay": False}),
    ],
)
def test_without_some_of_it(options, inputs, device, poisoned):
    compare(SIZES["less than a tile"], Options(torch.float32, **options), device, **inputs)


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_half_precision_values_and_gradients(precision, device, poisoned, rounding):
    compare(SIZES["odd tiles"], Options(precision), device)


def test_a_batch_in_slabs(device, poisoned, monkeypatch):
    size = (3, *SIZES["less than a tile"][1:])
    monkeypatch.setattr(steps, "WIDE_BYTES", 1)
    compare(size, Options(torch.float32), device)


def dropout_mask(size, options, device):
    """What the gate keeps: [B, T, H, K]."""
    B, T, H, D, K = size
    narrow, weight = torch.ones(H, B * T, D, device=device), torch.ones(H, D, K, device=device)
    y, *_ = steps.gate(narrow, weight, torch.ones(B, T, H, K, device=device), options, 0)
    return y.gt(0).double()


def test_dropout_is_one_mask_forward_and_backward_and_for_any_slabs(device, poisoned, monkeypatch):
    options = Options(torch.float32, dropout=0.3, seed=2**61 + 12345)
    mask = dropout_mask(SIZES["odd tiles"], options, device).cpu().transpose(1, 2) / kept_share(0.3)
    monkeypatch.setattr(steps, "WIDE_BYTES", 1)
    compare(SIZES["odd tiles"], options, device, mask=mask)


def test_dropout_draws_are_even_and_differ_by_seed(device):
    first, again, other = (
        dropout_mask((2, 128, 2, 16, 256), Options(torch.float32, dropout=0.3, seed=seed), device) for seed in (1, 1, 2)
    )
    share = kept_share(0.3)
    assert first.equal(again) and not first.equal(other)
    sigma = (share * (1 - share)) ** 0.5
    for axis in range(4):  # no sequence, token, head or neuron is favoured
        means = first.mean([a for a in range(4) if a != axis])
        assert (means - share).abs().max() < 5 * sigma / (first.numel() / len(means)) ** 0.5
    assert abs(((first - share) * (other - share)).mean()) < 5 * sigma**2 / first.numel() ** 0.5


@pytest.mark.parametrize("size", [2.0**-10, 2.0**5])
def test_small_and_large_inputs(size, device, poisoned, rounding):
    v, Dx, *rest = (t if t is None else t.detach() for t in inputs(*SIZES["odd tiles"], True, False, torch.bfloat16))
    arguments = v * size, Dx, *rest[:3], rest[3] * size, None
    expected, expected_after = formula(*arguments)
    for precision, tolerance in (torch.float32, 1e-5), (torch.bfloat16, 1e-2):
        update, after, *_ = kernels.forward(*lowered(arguments, device), Options(precision))
        assert difference(update, expected) < tolerance and difference(after, expected_after) < tolerance


def test_one_token_over_and_over_stays_in_the_range_of_float16(device, poisoned):
    v, Dx, *rest = (t if t is None else t.detach() for t in inputs(*SIZES["odd tiles"], True, False, torch.float16))
    arguments = v[:, :1].expand_as(v), 8 * Dx, *rest
    expected, _ = formula(*arguments)
    update, *_ = kernels.forward(*lowered(arguments, device), Options(torch.float16))
    assert difference(update, expected) < 1e-2


def test_tensors_laid_out_otherwise_are_read_right(device, poisoned):
    arguments = lowered(inputs(*SIZES["less than a tile"], True, True), device)
    strange = [t if t is None or t.ndim < 2 else t.mT.contiguous().mT for t in arguments]
    options = Options(torch.float32)
    expected, found = (kernels.forward(*a, options) for a in (arguments, strange))
    assert all(a.equal(b) for a, b in zip(expected, found, strict=True))
    wanted, gradients = (
        kernels.backward(expected[0], expected[1].mT.contiguous().mT, *a, *expected[2:], options=options)
        for a in (arguments, strange)
    )
    assert all(a.equal(b) for a, b in zip(wanted, gradients, strict=True))


def test_as_one_operation(device):
    arguments = lowered(inputs(2, 5, 2, 16, 8), device)
    leaves = [t.requires_grad_() for t in arguments[:-1] if not t.is_complex()]

    def everything(impl):
        update, after = neuron_layer(*arguments, impl=impl)
        return update, after, *torch.autograd.grad(update.square().sum() + after.sin().sum(), leaves)

    for found, expected in zip(everything("triton"), everything("cpu"), strict=True):
        assert difference(found, expected.cpu().double()) < 1e-5
    options = torch.float32, 0.0, True, True, "triton", torch.zeros((), dtype=torch.int64)
    torch.library.opcheck(bdh_layer, (*arguments, *options))


def test_not_a_number_is_not_hidden(device):
    arguments = lowered(inputs(*SIZES["less than a tile"], True, False), device)
    arguments[1][0, 0, 0] = float("nan")
    update, *_ = kernels.forward(*arguments, Options(torch.float32))
    assert update.isnan().any()


def test_what_is_not_computed_is_refused(device):
    arguments = lowered(inputs(*SIZES["one token"], False, False), device)
    with pytest.raises(ValueError, match=r"v: got torch\.float64"):
        kernels.forward(arguments[0].double(), *arguments[1:], Options(torch.float32))
