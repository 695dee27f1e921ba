"""The layer in torch operations, with its hand-written backward pass, against the plain formula; and decoding."""

import pytest
import torch
from agreement import difference, shares
from layer_formula import formula, inputs, lowered

from brainlib.bdh.kernels import decode, neuron_layer, slabs
from brainlib.bdh.kernels.decode import in_torch
from brainlib.bdh.kernels.layer import bdh_layer
from brainlib.bdh.norm import norm

SIZE = B, T, H, D, K = 3, 67, 2, 24, 64


def results(arguments, function=neuron_layer, uses="both", **options):
    """The update, the synapses after, and the gradients of a fixed smooth sum of what is used of them."""
    update, after = function(*arguments, **options)
    total = (update * shares(update, -1, 1)).sum() if uses != "after" else 0
    if uses != "update":
        total = total + (after * after).sum() / after.numel()
    leaves = [t for t in arguments if t is not None and t.requires_grad]
    gradients = torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)
    return [update, *([] if after is None else [after]), *gradients]


def close(found, expected, tolerance):
    for f, e in zip(found, expected, strict=True):
        assert (f - e).norm() <= tolerance * max(1, e.norm())


def with_gradients(arguments):
    *learned, decay = arguments
    return [*(t if t is None or t.is_complex() else t.requires_grad_() for t in learned), decay]


@pytest.mark.parametrize("time", [1, 2, 13, 131])
@pytest.mark.parametrize(
    ("carried", "fading", "uses"),
    [(False, False, "both"), (True, False, "both"), (False, True, "both"), (True, True, "after")],
)
def test_values_and_gradients_are_those_of_the_formula(time, carried, fading, uses, poisoned):
    arguments = inputs(B, time, H, D, K, carried, fading)
    close(results(arguments, uses=uses), results(arguments, formula, uses), 1e-11)


def test_without_the_synapses_after_the_rest_is_the_same():
    arguments = inputs(*SIZE)
    update, _, *gradients = results(arguments, formula, "update")
    close(results(arguments, uses="update", return_state=False), [update, *gradients], 1e-11)


@pytest.mark.parametrize("carried", [False, True])
def test_without_time_earlier_tokens_and_synapses_are_constants(carried):
    arguments = inputs(*SIZE, carried)
    found, expected = (results(arguments, layer, "update", bptt=False) for layer in (neuron_layer, formula))
    close(found, expected, 1e-11)
    assert not found[1].requires_grad and not (carried and found[-1].any())


@pytest.mark.parametrize("rows", [1, 2])
def test_slabs_and_tiles_change_nothing(rows, monkeypatch):
    arguments = inputs(*SIZE)
    expected = results(arguments)
    monkeypatch.setattr(slabs, "SLAB_BYTES", rows * T * K * 8)
    monkeypatch.setattr(slabs, "TILE", 4)
    close(results(arguments), expected, 1e-12)


@pytest.mark.parametrize("kept", [True, False])
def test_float32_is_within_1e_5(monkeypatch, kept):
    monkeypatch.setattr(slabs, "KEPT_BYTES", slabs.KEPT_BYTES if kept else 0)
    exact = inputs(*SIZE)
    assert max(map(difference, results(with_gradients(lowered(exact))), results(exact, formula))) < 1e-5


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("low", [torch.bfloat16, torch.float16])
def test_half_precision_is_as_near_as_the_plain_formula(monkeypatch, kept, low):
    monkeypatch.setattr(slabs, "KEPT_BYTES", slabs.KEPT_BYTES if kept else 0)
    exact = inputs(*SIZE, rounded=low)
    exact[5] = (exact[5].detach() / 4).requires_grad_()  # as small as weights are
    expected, single = results(exact, formula), with_gradients(lowered(exact))
    with torch.autocast("cpu", low):
        found = results(single)
    assert all(t.dtype == torch.float32 for t in found)
    update, after, *gradients = map(difference, found, expected)
    assert max(update, after, *gradients[3:]) < 1e-2
    with torch.autocast("cpu", low):  # gates within rounding of zero fall on either side, whoever computes them
        plain = results(single, plainly)
    for ours, theirs in zip(gradients, map(difference, plain[2:], expected[2:]), strict=True):
        assert ours < max(1e-2, 1.2 * theirs)


def plainly(v, *others):
    """The formula under autocast, its results in single precision."""
    return tuple(t.float() for t in formula(v, *others))


@pytest.mark.parametrize(("carried", "return_state"), [(False, False), (True, True)])
@pytest.mark.parametrize("precision", [torch.float64, torch.float32])
def test_torch_accepts_it_as_an_operation(carried, return_state, precision):
    arguments = inputs(B, 7, H, D, K, carried, carried)
    arguments = arguments if precision == torch.float64 else with_gradients(lowered(arguments))
    checks = ["test_schema", "test_autograd_registration", "test_faketensor"]
    if precision == torch.float64:  # it compares two runs, more closely than float32 sums agree
        checks.append("test_aot_dispatch_dynamic")
    options = precision, 0.0, return_state, True, "cpu", torch.tensor(0)
    torch.library.opcheck(bdh_layer, (*arguments, *options), test_utils=checks)


@pytest.mark.parametrize("scale", [0.0, 1e-12, 1e4])
@pytest.mark.parametrize("time", [1, 5])
def test_extreme_weights_stay_finite(scale, time):
    v, *others = lowered(inputs(B, time, H, D, K))
    scaled = [t if t is None or t.ndim < 3 else t * scale for t in others]
    assert all(tensor.isfinite().all() for tensor in results(with_gradients([v, *scaled])))


@pytest.mark.parametrize("low", [torch.float16, torch.bfloat16])
def test_scores_that_overflow_float16_are_safe(low):
    """q . q of order 10^6: beyond float16 without the scale."""
    arguments = lowered(inputs(B, 13, H, D, K, synapses=False))
    arguments[0], arguments[1] = norm(arguments[0]), 150 * arguments[1]
    exact, _ = neuron_layer(*arguments)
    with torch.autocast("cpu", low):
        rounded, _ = neuron_layer(*arguments)
    assert difference(rounded, exact) < 2e-2


def test_dropout_uses_one_mask_forward_and_backward():
    arguments = inputs(*SIZE)
    torch.manual_seed(3)
    found = results(arguments, dropout=0.4)
    torch.manual_seed(3)
    seed = int(torch.randint(2**62, ()))
    masks = torch.ones(H, B, T, K, dtype=torch.float64)
    for job in slabs.slabs(H, B, T * K * 8, torch.device("cpu"), seed):
        slabs.dropout_(masks[job.head, job.rows], 0.4, job.seed)
    assert masks.mean() == pytest.approx(0.6, abs=0.02)
    close(found, results(arguments, formula, mask=masks.transpose(0, 1) / slabs.kept_share(0.4)), 1e-10)


def test_unknown_implementations_are_named(unchecked):
    with pytest.raises(ValueError, match="impl: got 'cuda', expected 'auto', 'cpu' or 'triton'"):
        neuron_layer(*inputs(*SIZE), impl="cuda")


def decoded(function, v, dx, dy, e, rope, rho, faded=(1.0, 1.0)):
    """v after one layer, and the synapses."""
    synapses = rho[None].clone()
    return function(v[:, 0], dx, dy, e, rope, synapses, v.new_tensor(faded)), synapses


@pytest.fixture
def one_token():
    """As `decode` wants it: v, Dx and Dy transposed, E, RoPE, synapses."""
    v, dx, dy, e, rope, rho, _ = (t if t is None else t.detach() for t in inputs(B, 1, H, D, K))
    return v, dx.mT.contiguous(), dy.mT.contiguous(), e, rope, rho


def test_decoding_on_a_gpu_is_that_on_a_cpu(one_token):
    close(decoded(in_torch, *one_token, (0.5, 0.1)), decoded(decode, *one_token, (0.5, 0.1)), 1e-12)


def test_silent_neurons_are_not_looked_at(one_token):
    _, dx, dy, e, _, rho = one_token
    silent = slice(2, 6)  # two whole pairs
    dx[:, silent] = 0
    expected, expected_synapses = decoded(decode, *one_token)
    for unread in (rho[..., silent, :], dy[:, silent], e[:, silent]):
        unread.fill_(torch.nan)
    found, synapses = decoded(decode, *one_token)
    assert found.equal(expected) and synapses[..., silent, :].isnan().all()
    assert synapses[..., 6:, :].equal(expected_synapses[..., 6:, :])
