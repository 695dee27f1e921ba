"""The round in torch operations against the paper's recurrence: every value, every gradient, every element."""

import inspect

import pytest
import torch
from torch.nn.functional import layer_norm

from brainlib.bdh.kernels import neuron_layer, slabs
from brainlib.bdh.kernels.layer import bdh_layer
from brainlib.bdh.norm import norm
from brainlib.bdh.rotation import rope_frequencies, rotate, rotation

B, H, D, K = 3, 2, 24, 64
NAMES = ["v", "decoder_x", "decoder_y", "encoder", "rope", "synapses", "decay"]


def inputs(dtype=torch.float64, time=13, carried=True, fading=True, scale=1.0, rounded=torch.float64):
    g = torch.Generator().manual_seed(0)
    shapes = {
        "v": (B, time, D),
        "decoder_x": (H, D, K),
        "decoder_y": (H, D, K),
        "encoder": (H, K, D),
        "synapses": (B, H, K, D),
    }
    exact = {name: torch.randn(*shape, generator=g, dtype=torch.float64) * scale for name, shape in shapes.items()}
    exact["v"] = layer_norm(exact["v"], (D,))
    exact["decay"] = torch.tensor([0.3, 0.02], dtype=torch.float64)
    arguments = {name: tensor.to(rounded).to(dtype).requires_grad_() for name, tensor in exact.items()}
    arguments["rope"] = rotation(rope_frequencies(K), 5, time, dtype)
    arguments["synapses"] = arguments["synapses"] if carried else None
    arguments["decay"] = arguments["decay"] if fading else None
    return [arguments[name] for name in NAMES]


def results(arguments, function=neuron_layer, **options):
    """The update, the synapses after, and the gradients of a fixed smooth sum of both."""
    update, after = function(*arguments, **options)
    weight = torch.linspace(-1, 1, update.numel(), dtype=update.dtype).view_as(update)
    total = (update * weight).sum()
    if after is not None and after.requires_grad:
        total = total + (after * after).sum() / after.numel()
    leaves = [
        t
        for t in arguments
        if t is not None and t.requires_grad and (options.get("bptt", True) or t is not arguments[5])
    ]
    return [update, *([] if after is None else [after]), *torch.autograd.grad(total, leaves, materialize_grads=True)]


def distances(found, expected):
    return [
        float((f.detach() - e.detach()).double().norm() / e.detach().double().norm())
        for f, e in zip(found, expected, strict=True)
    ]


@pytest.mark.parametrize("time", [1, 2, 13, 64, 67, 131])
@pytest.mark.parametrize(
    ("carried", "fading", "bptt"),
    [(False, False, True), (True, False, True), (False, True, True), (True, True, True), (True, True, False)],
)
def test_float64_is_the_recurrence(time, carried, fading, bptt):
    arguments = inputs(time=time, carried=carried, fading=fading)
    found, expected = (results(arguments, impl=impl, bptt=bptt) for impl in ("cpu", "reference"))
    for f, e in zip(found, expected, strict=True):
        assert (f - e).norm() <= 1e-11 * max(1, e.norm())


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("time", [13, 67])
def test_float32_is_within_1e_5(monkeypatch, kept, time):
    monkeypatch.setattr(slabs, "KEPT_BYTES", slabs.KEPT_BYTES if kept else 0)
    expected = results(inputs(time=time, scale=0.2), impl="reference")
    assert max(distances(results(inputs(torch.float32, time, scale=0.2)), expected)) < 1e-5


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("low", [torch.bfloat16, torch.float16])
def test_half_precision_is_as_near_as_the_plain_formula(monkeypatch, kept, low):
    monkeypatch.setattr(slabs, "KEPT_BYTES", slabs.KEPT_BYTES if kept else 0)
    expected = results(inputs(time=67, scale=0.2, rounded=low), impl="reference")
    with torch.autocast("cpu", low):
        found = results(inputs(torch.float32, 67, scale=0.2, rounded=low))
    assert all(t.dtype == torch.float32 for t in found)
    update, after, *gradients = distances(found, expected)
    *_, d_encoder, d_synapses, _ = gradients
    assert max(update, after, d_encoder, d_synapses) < 1e-2
    with torch.autocast("cpu", low):  # gates within rounding of zero fall on either side, whoever computes them
        autograd = results(inputs(torch.float32, 67, scale=0.2, rounded=low), function=formula)
    for ours, plain in zip(gradients, distances(autograd, expected)[2:], strict=True):
        assert ours < max(1e-2, 1.2 * plain)


def formula(v, decoder_x, decoder_y, encoder, rope, synapses, decay):
    """The round in plain operations, all tokens at once."""
    t = torch.arange(v.shape[1])
    decay = decay[:, None, None]
    x = (v[:, None] @ decoder_x).relu()
    q = rotate(x.to(v.dtype), rope)
    scores = (q @ q.mT) * torch.exp(-decay * (t[:, None] - t)) * (t[:, None] > t)
    a = scores @ v[:, None] + torch.exp(-decay * t[:, None]) * (q @ synapses)
    y = (norm(a.to(v.dtype)) @ decoder_y).relu() * x
    left = torch.exp(-decay * (len(t) - t[:, None]))
    after = torch.exp(-decay * len(t)) * synapses + q.mT @ (left * v[:, None])
    return (y @ encoder).sum(1).to(v.dtype), after.to(v.dtype)


def test_gradients_are_those_of_finite_differences():
    assert torch.autograd.gradcheck(neuron_layer, inputs(time=3, scale=0.5), fast_mode=True)


@pytest.mark.parametrize("carried", [False, True])
@pytest.mark.parametrize("return_state", [False, True])
@pytest.mark.parametrize("precision", [torch.float64, torch.float32])
def test_torch_accepts_it_as_an_operation(carried, return_state, precision):
    arguments = inputs(precision, 7, carried=carried, fading=carried)
    checks = ["test_schema", "test_autograd_registration", "test_faketensor"]
    if precision == torch.float64:  # it compares two runs, more closely than float32 sums agree
        checks.append("test_aot_dispatch_dynamic")
    arguments = (*arguments, torch.tensor(0), precision, 0.0, return_state, True, True, "cpu")
    torch.library.opcheck(bdh_layer, arguments, test_utils=checks)


def test_compilers_see_one_operation():
    graphs = []

    def backend(graph, _):
        graphs.append([str(node.target) for node in graph.graph.nodes if node.op == "call_function"])
        return graph.forward

    arguments = inputs(torch.float32)
    compiled = torch.compile(inspect.unwrap(neuron_layer), backend=backend, fullgraph=True)
    with torch.no_grad():
        torch.testing.assert_close(compiled(*arguments), neuron_layer(*arguments))
    assert [name for name in graphs[0] if "bdh_layer" in name] == ["brainlib.bdh_layer.default"]


def test_every_element_is_written(monkeypatch):
    """Memory that is asked for comes full of NaN, and none is left."""
    arguments = inputs(torch.float32, 67)
    expected = results(arguments)
    new_empty = torch.Tensor.new_empty

    def poisoned(self, *size, **options):
        return new_empty(self, *size, **options).fill_(torch.nan)

    monkeypatch.setattr(torch.Tensor, "new_empty", poisoned)
    for f, e in zip(results(arguments), expected, strict=True):
        assert f.equal(e)


@pytest.mark.parametrize("scale", [0.0, 1e-12, 1e-3, 1e4])
@pytest.mark.parametrize("time", [1, 5])
def test_extreme_weights_stay_finite(scale, time):
    for tensor in results(inputs(torch.float32, time, scale=scale)):
        assert tensor.isfinite().all()


@pytest.mark.parametrize("low", [torch.float16, torch.bfloat16])
def test_scores_that_overflow_float16_are_safe(low):
    """q . q of order 10^6: beyond float16 without the scale."""
    arguments = inputs(torch.float32, 13, scale=0.2, carried=False)
    with torch.no_grad():
        arguments[1] *= 150
        exact, _ = neuron_layer(*arguments)
        with torch.autocast("cpu", low):
            rounded, _ = neuron_layer(*arguments)
    assert (rounded - exact).norm() / exact.norm() < 2e-2


def test_the_scale_of_scores_changes_no_bit(monkeypatch):
    arguments = inputs(torch.float32, 67)
    scaled = results(arguments)
    monkeypatch.setattr(slabs, "key_scale", lambda head_neurons: 1.0)
    for s, unscaled in zip(scaled, results(arguments), strict=True):
        assert s.equal(unscaled)


def test_unknown_implementations_are_named():
    call = inspect.unwrap(neuron_layer)
    with pytest.raises(ValueError, match="impl: got 'cuda', expected 'auto', 'reference', 'cpu' or 'triton'"):
        call(*inputs(), impl="cuda")
    with pytest.raises(ValueError, match=r"dropout: got 0.1, expected 0"):
        call(*inputs(), dropout=0.1, impl="reference")
