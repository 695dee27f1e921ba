"""The compiled scans against the equations as they stand in float64: values, every gradient; and as one operation."""

import math
from itertools import product

import pytest
import torch
from agreement import assert_same, shares
from refusals import refused
from scan_columns import NAMES, RESETS, columns, everything, scan

from brainlib.astrosnn import reference
from brainlib.astrosnn.kernels import cpu
from brainlib.astrosnn.kernels import scan as operation
from brainlib.astrosnn.kernels.lif import SURROGATES, lif_scan, slow_scan, surrogate_gradient
from brainlib.astrosnn.kernels.wkv import wkv

LANES = 64 // 8  # of float64
SIZES = [(1, 1, 1), (2, 5, 7), (1, cpu.SEGMENT, LANES), (3, cpu.SEGMENT + 1, 4 * LANES + 1), (1, 3, cpu.STRETCH + 9)]
MODELS = tuple(NAMES)
FORMS = [(model, reset, detach) for model in ("lif", "slow") for reset in RESETS for detach in (True, False)]


def compare(model, inputs, tolerance=1e-11, **options):
    found, expected = (everything(model, inputs, impl=impl, **options) for impl in ("cpu", "reference"))
    assert_same(found, expected, tolerance)
    return found


@pytest.mark.parametrize("model", MODELS)
def test_a_loss_may_read_one_of_them(model):
    for reads in ((1, 0, 0), (0, 1, 0), *([(0, 0, 1)] if model != "lif" else [])):
        compare(model, columns(model), reads=reads)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("model", MODELS)
def test_values_and_gradients_are_those_of_the_equations(model, size, poisoned):
    compare(model, columns(model, size))


@pytest.mark.parametrize(("model", "reset", "detach"), FORMS)
def test_every_form_of_a_neuron(model, reset, detach):
    for surrogate in SURROGATES:
        compare(model, columns(model, (2, 40, 11)), reset=reset, surrogate=surrogate, detach_reset=detach)


@pytest.mark.parametrize("reset", RESETS)
def test_a_plain_neuron_is_that_of_the_loops(reset):
    """Those of the whole part, which know nothing of this code."""
    inputs = columns("lif") | {"threshold": 0.8}
    found = lif_scan(**inputs, reset=reset)
    sequences = {name: inputs[name].movedim(1, 0) for name in ("current", "astro")}
    spikes, _, last = reference.lif(**inputs | sequences, reset=reset)
    assert found[0].equal(spikes.movedim(0, 1)) and found[1].equal(last)


@pytest.mark.parametrize("model", MODELS)
def test_what_need_not_be_given(model):
    inputs = columns(model, (1, 4, 40))
    for name in {"lif": ("astro", "state"), "slow": ("membrane", "calcium"), "wkv": ("mean", "log_weight")}[model]:
        del inputs[name]
    compare(model, inputs)
    if model != "wkv":
        numbers = {"beta": torch.tensor(0.7).double(), "threshold": torch.tensor(0.8).double()}
        found = compare(model, inputs | numbers)
        assert found["d_threshold"].shape == () and found["d_threshold"] != 0
        rest = {name: tensor for name, tensor in inputs.items() if name not in numbers}
        compare(model, rest, beta=0.7, threshold=0.8)


@pytest.mark.parametrize("model", MODELS)
def test_single_precision(model):
    """No spike differs from those of a loop in torch; the gradients are as near as single precision is."""
    inputs = columns(model, (3, 70, 41), dtype=torch.float32)
    found = everything(model, inputs, impl="cpu")
    expected = everything(model, {name: tensor.double() for name, tensor in inputs.items()}, impl="reference")
    assert all(tensor.dtype == torch.float32 for tensor in found.values())
    if model != "wkv":
        assert found["output 0"].double().equal(expected["output 0"]) and 0.1 < found["output 0"].mean() < 0.9
    assert_same(found, expected, 2e-5)


@pytest.mark.parametrize(("shape", "time_dim"), [((7,), 0), ((7, 3), 0), ((2, 3, 7), 2), ((2, 3, 7, 5), -2)])
def test_time_may_be_any_axis(shape, time_dim):
    inputs = columns("lif", shape, time_dim)
    found, last = lif_scan(**inputs, time_dim=time_dim)
    sequences = {name: inputs[name].movedim(time_dim, 0) for name in ("current", "astro")}
    expected, state = lif_scan(**inputs | sequences, time_dim=0, impl="reference")
    torch.testing.assert_close((found.movedim(time_dim, 0), last), (expected, state), rtol=0, atol=1e-12)


def test_large_arrays_written_past_the_cache_are_the_same():
    inputs = columns("lif", (512, 2 * 1024 + 16), time_dim=0, dtype=torch.float32)
    assert inputs["current"].nbytes >= cpu.LARGE and inputs["current"].shape[1] % 16 == 0
    found = []
    for part in (slice(None), slice(1024), slice(1024, None)):
        given = {name: tensor[..., part].contiguous().requires_grad_() for name, tensor in inputs.items()}
        spikes, last = scan("lif", given, time_dim=0)
        leaves = [given["current"], given["astro"]]
        found.append([spikes, last, *torch.autograd.grad(spikes, leaves, given["astro"].detach())])
    for whole, *halves in zip(*found, strict=True):
        assert whole.equal(torch.cat(halves, -1))


@pytest.mark.parametrize("model", MODELS)
def test_what_is_not_a_number_is_seen_and_stays_in_its_column(model):
    inputs = columns(model, (2, 6, 21))
    expected = everything(model, inputs)
    inputs[NAMES[model][0]][1, 2, 20] = math.nan
    found = everything(model, inputs)
    assert found["output 0"][1, 2:, 20].isnan().all() and not found["output 0"][..., :20].isnan().any()
    for name in ("output 0", "output 1"):
        assert found[name][0].equal(expected[name][0]) and found[name][..., :20].equal(expected[name][..., :20])
    assert found["output 1"][1, 20].isnan() and found[f"d_{NAMES[model][0]}"][1, 2, 20].isnan()


@pytest.mark.parametrize("reset", RESETS)
def test_what_is_not_finite_is_told_alike(reset):
    """A hard reset makes NaN of an infinite membrane."""
    inputs = columns("lif", (2, 2 * cpu.SEGMENT, LANES + 3))
    for column, (name, value) in enumerate(product(("current", "astro"), (math.inf, -math.inf))):
        inputs[name][1, 5, column] = value
    found, expected = (scan("lif", inputs, reset=reset, impl=impl) for impl in ("cpu", "reference"))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, equal_nan=True)


@pytest.mark.parametrize("astro", [True, False])
@pytest.mark.parametrize("size", [(1, 1, 40), (3, 35, 19)])
def test_nothing_beside_the_results_is_written(size, astro, monkeypatch):
    """Around each array that a kernel writes lies a margin of its own."""
    margins = []

    def guarded(tensor, *shape):
        shape = shape or tensor.shape
        room = torch.full((math.prod(shape) + 512,), -7.0, dtype=tensor.dtype)
        margins.append(room)
        return room[256:-256].view(shape)

    inputs = columns("lif", size)
    if not astro:
        del inputs["astro"]
    monkeypatch.setattr(torch, "empty_like", guarded)
    monkeypatch.setattr(torch.Tensor, "new_empty", guarded)
    everything("lif", inputs)
    monkeypatch.undo()
    assert len(margins) >= 7
    assert all((room[:256] == -7).all() and (room[-256:] == -7).all() for room in margins)


@pytest.mark.parametrize("model", MODELS)
def test_neither_threads_nor_views_change_anything(model, with_threads):
    inputs = columns(model, (1, 40, 3 * cpu.STRETCH + 2))
    views = {name: torch.stack((tensor, tensor), -1)[..., 0] for name, tensor in inputs.items()}
    one, two = with_threads(lambda: everything(model, views))
    expected = everything(model, inputs)
    assert all(one[name].equal(wanted) and two[name].equal(wanted) for name, wanted in expected.items())


@pytest.mark.parametrize(("model", "rates", "states"), [("lif", 2, 1), ("slow", 4, 2), ("wkv", 2, 2)])
def test_the_operation_keeps_torchs_rules(model, rates, states):
    first, second = torch.rand(2, 2, 9, 5, dtype=torch.float64)
    tensors = first, second, torch.rand(rates, 5).double(), torch.rand(states, 2, 5).double()
    tensors = [None if model == "slow" and t is second else t.requires_grad_() for t in tensors]
    torch.library.opcheck(operation.scan.compiled, (model, *tensors, "soft", "atan", False, "cpu"))


def test_function_transforms_are_refused_by_name(unchecked):
    current = columns("lif")["current"]
    for transform in (torch.func.grad, torch.func.vmap):
        with pytest.raises(RuntimeError, match=r"brainlib::scan: got a transform of torch\.func"):
            transform(lambda one: lif_scan(one)[0].sum())(current)


def test_half_precision_keeps_its_membrane_in_single():
    inputs = columns("lif", dtype=torch.float32)
    inputs |= {name: inputs[name].bfloat16() for name in ("current", "astro")}
    spikes, last = scan("lif", inputs, impl="reference")
    assert spikes.dtype == torch.bfloat16 and last.dtype == torch.float32
    refused("current: got torch", scan, "lif", inputs)


def test_bad_input(unchecked):
    given, slow, average = (columns(model) for model in MODELS)
    state = slow.pop("membrane")[:1], slow.pop("calcium")
    del average["mean"], average["log_weight"]
    refused("current: got .* expected at least one step", lif_scan, given["current"][:, :0])
    refused(r"astro: got .* \(2, 8, 5\) on cpu", lif_scan, given["current"], given["astro"][:, 1:])
    refused("beta: got -0.1, expected a number from 0 to 1", lif_scan, **given | {"beta": -0.1})
    refused("threshold: got nan, expected a positive number", lif_scan, **given | {"threshold": math.nan})
    refused("reset: got 'slow', expected one of hard, soft, none", lif_scan, **given, reset="slow")
    refused("surrogate: got 'step', expected one of atan, qgate, sigmoid", lif_scan, **given, surrogate="step")
    refused("impl: got 'gpu', expected one of auto, reference, cpu, triton", lif_scan, **given, impl="gpu")
    refused("time_dim: got 3, expected an axis of current's shape", lif_scan, **given, time_dim=3)
    refused(r"state\[0\]: got .* \(1, 5\)", slow_scan, **slow, state=state)
    refused("bonus: got torch.float32", wkv, **average | {"bonus": average["bonus"].float()})


CURVES = {  # what rises from 0 to 1, or from -1/a to 1/a, in place of the step
    "atan": lambda z, a: torch.atan(math.pi / 2 * a * z) / math.pi,
    "qgate": lambda z, a: torch.where(z.abs() < 1 / a, a * z - a**2 * z * z.abs() / 2, 0.5 * z.sign()),
    "sigmoid": lambda z, a: torch.sigmoid(a * z),
    "fast_sigmoid": lambda z, a: z / (1 + a * z.abs()),
}


@pytest.mark.parametrize(("surrogate", "a"), [("atan", 2.0), ("qgate", 2.0), ("sigmoid", 4.0), ("fast_sigmoid", 25.0)])
def test_a_surrogate_is_the_derivative_of_its_curve(surrogate, a):
    z = torch.linspace(-4, 4, 1001, dtype=torch.float64, requires_grad=True)
    (expected,) = torch.autograd.grad(CURVES[surrogate](z, a).sum(), z)
    torch.testing.assert_close(surrogate_gradient(z.detach(), surrogate), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("surrogate", SURROGATES)
def test_far_from_the_threshold_it_vanishes(surrogate):
    far = surrogate_gradient(torch.tensor([-1e30, -1e4, 1e4, 1e30]), surrogate)
    assert far.isfinite().all() and (far < 1e-7).all() and (far >= 0).all()


RATES = "key", "value", "decay", "bonus"


def by_definition(key, value, decay, bonus):
    """Each token's weights written out: a softmax over k_i - (t - 1 - i) w, and u + k_t."""
    answers = []
    for t in range(key.shape[1]):
        age = torch.arange(t - 1, -1, -1, dtype=key.dtype)[:, None]
        logits = torch.cat((key[:, :t] - age * decay, (bonus + key[:, t])[:, None]), 1)
        answers.append((logits.softmax(1) * value[:, : t + 1]).sum(1))
    return torch.stack(answers, 1)


@pytest.mark.parametrize("size", [(2, 13, 5), (1, 1, 1), (3, 2, 70)])
def test_it_is_the_weighted_average_that_the_paper_writes(size):
    inputs = [columns("wkv", size)[name].requires_grad_() for name in RATES]
    results = []
    for y in (wkv(*inputs)[0], by_definition(*inputs)):
        results.append([y, *torch.autograd.grad((y * shares(y, -1, 2)).sum(), inputs)])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("scale", "decay"), [(1e4, 0.5), (1.0, 0.0), (1.0, 1e4), (1e4, 0.0)])
def test_nothing_overflows(scale, decay):
    key, value, _, bonus = (columns("wkv", (2, 40, 5), dtype=torch.float32)[name] for name in RATES)
    inputs = [leaf.requires_grad_() for leaf in (scale * key, value, torch.full((5,), decay), bonus)]
    y, state = wkv(*inputs)
    gradients = torch.autograd.grad(y.sum() + state.mean.sum() + state.log_weight.sum(), inputs)
    assert all(tensor.isfinite().all() for tensor in (y, *state, *gradients))
    expected = by_definition(*(leaf.double() for leaf in inputs))
    torch.testing.assert_close(y.double(), expected, rtol=1e-3, atol=1e-3)
    assert y.abs().max() <= value.abs().max() * (1 + 1e-6)
