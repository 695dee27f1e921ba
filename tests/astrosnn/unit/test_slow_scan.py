"""Neurons with a slow variable: the compiled scan against the equations in float64, and as an operation of torch."""

import inspect
import math
from itertools import product

import pytest
import torch

from brainlib.astrosnn.kernels.lif import SURROGATES, lif_scan
from brainlib.astrosnn.kernels.slow import compiled, slow_scan
from brainlib.astrosnn.kernels.slow.scan import scan

unchecked = inspect.unwrap(slow_scan)
SIZES = [(1, 1, 1), (2, 5, 3), (1, compiled.STEPS, 7), (2, 2 * compiled.STEPS + 3, compiled.WIDTH + 5)]  # B, T, D


def inputs(batch=2, time=40, channels=9, seed=0, dtype=torch.float64):
    """current, weight (of both signs), decay, m_0 and c_1."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)

    state = draw(batch, channels), draw(batch, channels).sigmoid()
    return [draw(batch, time, channels) + 0.4, draw(channels), draw(channels).sigmoid(), *state]


def everything(tensors, reads=(1, 1, 1), **options):
    leaves = [tensor.detach().requires_grad_() for tensor in tensors]
    spikes, (m, c) = slow_scan(*leaves[:3], state=tuple(leaves[3:]), **options)
    weights = torch.randn(spikes.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(spikes)
    losses = (spikes * weights).sum(), m.sin().sum(), (3 * c).cos().sum()
    loss = sum(loss for loss, read in zip(losses, reads, strict=True) if read)
    return spikes, m, c, *torch.autograd.grad(loss, leaves, materialize_grads=True)


def assert_same(found, expected, tolerance=1e-12):
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("options", [*product(("hard", "soft", "none"), ("threshold", "membrane"), SURROGATES)])
def test_values_and_gradients_are_those_of_the_equations(options):
    named = dict(zip(("reset", "injection", "surrogate"), options, strict=True)) | {"beta": 0.8, "threshold": 0.9}
    for size in SIZES:
        tensors = inputs(*size)
        assert_same(everything(tensors, **named), everything(tensors, impl="reference", **named))


@pytest.mark.parametrize("reads", [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
def test_a_loss_may_read_one_of_the_results(reads):
    assert_same(everything(inputs(), reads), everything(inputs(), reads, impl="reference"))


def test_single_precision_is_near_double():
    tensors = inputs(2, 100, 130, dtype=torch.float32)
    found = everything(tensors)
    expected = everything([tensor.double() for tensor in tensors], impl="reference")
    assert all(tensor.dtype == torch.float32 for tensor in found)
    assert found[0].double().equal(expected[0])
    assert_same([tensor.double() for tensor in found], expected, 2e-5)


def test_without_weight_it_is_a_plain_neuron():
    current, weight, decay, membrane, slow = inputs()
    spikes, (last, _) = slow_scan(current, 0 * weight, decay, beta=0.7, state=(membrane, slow))
    plain, plain_last = lif_scan(current, beta=0.7, state=membrane, time_dim=1)
    assert spikes.equal(plain) and last.equal(plain_last)


def test_calcium_excites_and_adaptation_calms():
    current, _, decay, *_ = inputs(4, 200, 50)
    rates = [slow_scan(current, torch.full_like(decay, w), decay)[0].mean() for w in (-2, 0, 2)]
    assert rates[0] < 0.8 * rates[1] < 0.8 * 0.8 * rates[2]


def test_the_slow_variable_is_the_filtered_past():
    current, weight, decay, membrane, slow = inputs(1, 30, 4)
    spikes, (_, c) = slow_scan(current, weight, decay, state=(membrane, slow))
    ages = torch.arange(29, -1, -1)[:, None]
    torch.testing.assert_close(c[0], decay**30 * slow[0] + ((1 - decay) * decay**ages * spikes[0]).sum(0))


@pytest.mark.parametrize("cut", [1, compiled.STEPS, 37])
def test_a_text_may_be_cut_anywhere(cut):
    current, weight, decay, *state = inputs()
    whole, last = slow_scan(current, weight, decay, state=tuple(state))
    first, between = slow_scan(current[:, :cut], weight, decay, state=tuple(state))
    second, end = slow_scan(current[:, cut:], weight, decay, state=between)
    assert torch.cat((first, second), 1).equal(whole)
    assert_same(end, last, 0)


def test_gradients_are_finite_differences_where_no_spike_is_near():
    """QGate's derivative is 0 further than 1/2 from the threshold, as the step's is."""
    current, weight, decay, membrane, slow = inputs(1, 5, 3)
    current = 4 * current.sign()
    leaves = [tensor.requires_grad_() for tensor in (current, 0.1 * weight, decay, 0.1 * membrane, slow)]

    def last(current, weight, decay, membrane, slow, reset, injection):
        options = {"reset": reset, "injection": injection, "beta": 0.3, "surrogate": "qgate"}
        return slow_scan(current, weight, decay, state=(membrane, slow), **options)[1]

    for options in product(("hard", "soft", "none"), ("threshold", "membrane")):
        assert torch.autograd.gradcheck(last, (*leaves, *options))


def test_the_operation_keeps_torchs_rules():
    leaves = [tensor.requires_grad_() for tensor in inputs(2, 3, 5)]
    torch.library.opcheck(scan.compiled, (*leaves, 0.5, 1.0, "hard", "threshold", "atan", "cpu"))


def test_compiled_or_not_it_is_the_same():
    leaves = [tensor.requires_grad_() for tensor in inputs()]
    results = []
    spikes, last = slow_scan(*leaves[:3], state=tuple(leaves[3:]))
    for outputs in ((spikes, *last), scan.compiled(*leaves, 0.5, 1.0, "hard", "threshold", "atan", "cpu")[:3]):
        loss = sum(output.sin().sum() for output in outputs)
        results.append([*outputs, *torch.autograd.grad(loss, leaves)])
    assert_same(*results, 0)


def test_there_are_no_second_derivatives():
    leaves = [tensor.requires_grad_() for tensor in inputs()]
    (gradient,) = torch.autograd.grad(slow_scan(*leaves[:3])[0].sum(), leaves[:1], create_graph=True)
    with pytest.raises(RuntimeError, match="no autograd formula was registered"):
        gradient.sum().backward()


def test_the_compiler_sees_one_operation():
    tensors, seen = inputs(2, 3, 5), []

    def look(graph, _):
        seen.extend(node.target for node in graph.graph.nodes if node.op == "call_function")
        return graph.forward

    spikes, _ = torch.compile(unchecked, backend=look, fullgraph=True)(*tensors[:3], state=tuple(tensors[3:]))
    assert spikes.equal(slow_scan(*tensors[:3], state=tuple(tensors[3:]))[0])
    assert sum("slow_scan" in str(target) for target in seen) == 1


def test_every_number_is_written(poisoned):
    for size in SIZES:
        found, expected = everything(inputs(*size)), everything(inputs(*size), impl="reference")
        assert_same(found, expected)


def test_inputs_may_be_views_and_are_left_as_they_were():
    tensors = inputs()
    views = [torch.stack((tensor, tensor), -1)[..., 0] for tensor in tensors]
    before = [view.clone() for view in views]
    assert_same(everything(views), everything(tensors), 0)
    assert all(now.equal(then) for now, then in zip(views, before, strict=True))


def test_the_number_of_threads_changes_nothing():
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(everything(inputs(3, 40, 300)))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert_same(*found, 0)


def test_what_is_not_a_number_stays_in_its_neuron():
    tensors = inputs()
    expected, _ = slow_scan(*tensors[:3])
    tensors[0][1, 3, 4] = math.nan
    spikes, (m, _) = slow_scan(*tensors[:3])
    assert m[1, 4].isnan() and m.isnan().sum() == 1
    spikes[1, :, 4] = expected[1, :, 4]
    assert spikes.equal(expected)


@pytest.mark.parametrize(
    ("which", "change", "message"),
    [
        (0, lambda t: t[:, :0], r"current: got shape \(2, 0, 9\), expected at least one sequence, token and channel"),
        (0, lambda t: t.half(), "current: got torch.float16, expected torch.float32 or torch.float64"),
        (1, lambda t: t[:3], r"weight: got shape \(3,\), expected \(9,\) beside current's \(2, 40, 9\)"),
        (2, lambda t: t.float(), "decay: got torch.float32 on cpu, expected torch.float64 on cpu"),
        (3, lambda t: t[:1], r"state\[0\]: got shape \(1, 9\), expected \(2, 9\)"),
        (4, lambda t: t.to("meta"), r"state\[1\]: got torch.float64 on meta, expected torch.float64 on cpu"),
    ],
)
def test_bad_tensors(which, change, message):
    tensors = inputs()
    tensors[which] = change(tensors[which])
    with pytest.raises(ValueError, match=message):
        unchecked(*tensors[:3], state=tuple(tensors[3:]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reset": "zero"}, "reset: got 'zero', expected one of hard, soft, none"),
        ({"injection": "soma"}, "injection: got 'soma', expected one of threshold, membrane"),
        ({"surrogate": "step"}, "surrogate: got 'step', expected one of atan, qgate, sigmoid, fast_sigmoid"),
        ({"impl": "numba"}, "impl: got 'numba', expected one of auto, reference, cpu, triton"),
        ({"beta": 1.5}, "beta: got 1.5, expected a decay from 0 to 1"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        unchecked(*inputs()[:3], **options)
