"""The whole network against its equations in float64; official weights, and three forms of a time constant."""

import pytest
import torch
from agreement import assert_same, shares
from refusals import refused
from torch.nn import functional

from brainlib.arguments import seeded
from brainlib.timescales import LeakyRNN, tasks
from brainlib.timescales.time_constants import raw_of, tau_of

PHI = {
    "leaky_relu": lambda u: torch.where(u > 0, u, 0.01 * u),
    "relu": functional.relu,
    "tanh": torch.tanh,
}
SIZES = [(1, 1, 1), (13, 3, 37), (5, 2, 500)]  # units, batch, time


def network(units: int = 13, heads: int = 4, **options) -> LeakyRNN:
    """In float64; where tau is trained, some raw values are below the clamp and some weights act on their own unit."""
    model = LeakyRNN(units, heads, generator=seeded(0), **options).double()
    if "tau" not in options:
        with torch.no_grad():
            model.raw_tau.copy_(torch.linspace(0.45, 4, units))
            model.weight.diagonal().fill_(0.7)
    return model


def inputs(model: LeakyRNN, batch: int, time: int):
    bits = tasks.draw_bits(time, batch, seeded(1)).double()
    return bits, torch.randn(batch, model.units, generator=seeded(2), dtype=torch.float64)


def formula(model: LeakyRNN, bits, h):
    """The official code's equation."""
    W = model.weight - torch.diag(torch.diag(model.weight))
    tau = 1 + torch.log1p(torch.exp(model.raw_tau)) if model.tau_form == "softplus" else model.raw_tau
    a = 1 / torch.maximum(tau, torch.ones_like(tau))
    phi = PHI[model.activation]
    states = []
    for x in bits:
        u = h @ W.T + model.recurrent_bias + x * model.input_weight + model.input_bias
        h = phi((1 - a) * h + a * u) if model.inside else (1 - a) * h + a * phi(u)
        states.append(h)
    logits = [h @ F.T + c for F, c in zip(model.readout_weight, model.readout_bias, strict=True)]
    return torch.stack(logits), torch.stack(states)


def results(model, logits, states, h0):
    leaves = {"h0": h0, **dict(model.named_parameters())}
    loss = sum((t * shares(t, -1, 1)).sum() for t in (logits, states))  # each has a share of its own
    gradients = torch.autograd.grad(loss, leaves.values())
    return {"logits": logits, "states": states, **dict(zip(leaves, gradients, strict=True))}


def both(model, batch, time):
    bits, h0 = inputs(model, batch, time)
    h0.requires_grad_()
    return (
        results(model, model(bits, h0), model.states(bits, h0), h0),
        results(model, *formula(model, bits, h0), h0),
    )


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize(("units", "batch", "time"), SIZES)
def test_float64_is_the_formula(units, batch, time, inside):
    model = network(units, inside=inside)
    found, expected = both(model, batch, time)
    assert {"weight", "recurrent_bias", "input_weight", "input_bias", "raw_tau", "readout_weight"} < found.keys()
    assert_same(found, expected, 1e-10, least=1.0)


@pytest.mark.parametrize("options", [{"activation": "tanh"}, {"tau_form": "softplus"}, {"tau": 2.5}])
def test_every_form(options):
    assert_same(*both(network(**options), batch=3, time=9), 1e-10, least=1.0)


def test_no_unit_acts_on_itself_also_after_training():
    model = LeakyRNN(9, 2, generator=seeded(0))
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.1, nesterov=True)
    before = model.weight.detach().clone()
    for _ in range(3):
        optimiser.zero_grad()
        model(tasks.draw_bits(5, 4, seeded(0)), model.initial_state(4, seeded(0))).square().sum().backward()
        optimiser.step()
    assert not torch.equal(model.weight, before) and model.weight.diagonal().eq(0).all()


def test_heads_can_be_chosen():
    model = network(heads=6)
    bits, h0 = inputs(model, 3, 5)
    everything = model(bits, h0)
    assert everything.shape == (6, 3, 2)
    for heads in ([0], [0, 1, 2], range(2, 5), (4, 1), [5, 5]):
        torch.testing.assert_close(model(bits, h0, heads=heads), everything[list(heads)])
    states = model.states(bits, h0)
    assert model.read(states, [1]).shape == (1, 5, 3, 2)
    torch.testing.assert_close(model.read(states)[:, -1], everything)


def test_default_sizes_and_distributions_are_the_official_ones():
    model = LeakyRNN(generator=seeded(0))
    assert sum(parameter.numel() for parameter in model.parameters()) == 352_200
    root = 500**-0.5
    for values, low, high in (
        (model.tau, 1, 2),
        (model.input_weight, -1, 1),
        (model.input_bias, -1, 1),
        (model.recurrent_bias, -root, root),
        (model.readout_weight, -root, root),
        (model.readout_bias, -root, root),
        (model.weight[~model.diagonal], -root, root),
    ):
        values, width = values.detach().flatten(), high - low
        assert low <= values.min() < low + 0.03 * width and high - 0.03 * width < values.max() <= high
        assert abs(values.std() - width * 12**-0.5) < 0.05 * width


def test_generators_decide_alone():
    before = torch.get_rng_state()
    first, same, other = (LeakyRNN(5, 2, generator=seeded(seed)) for seed in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), same.parameters(), strict=True))
    assert not torch.equal(first.weight, other.weight)
    states = first.initial_state(400, seeded(0))
    assert torch.equal(states, first.initial_state(400, seeded(0)))
    assert states.min() >= 0 and 0.099 < states.max() <= 0.1 and abs(states.mean() - 0.05) < 0.003
    assert torch.equal(torch.get_rng_state(), before)


def test_fixed_time_constants_are_not_trained():
    assert "raw_tau" not in dict(LeakyRNN(4, 1, tau=3.0).named_parameters())
    assert LeakyRNN(4, 1, tau=3.0).tau.tolist() == [3, 3, 3, 3]
    own = LeakyRNN(2, 1, tau=torch.tensor([1.0, 7.0]))
    assert own.tau.tolist() == [1, 7] and "raw_tau" in own.state_dict()


def test_impossible_networks(unchecked):
    refused("units: got 0, expected a whole number of at least 1", LeakyRNN, units=0, heads=2)
    refused("tau: got 0.5 to 1 bits", LeakyRNN, units=3, heads=2, tau=torch.tensor([1.0, 0.5, 1.0]))
    refused("tau_form: got 'free'", LeakyRNN, units=3, heads=2, tau_form="free")
    refused("activation: got 'gelu'", LeakyRNN, units=3, heads=2, activation="gelu")


def test_impossible_inputs(unchecked):
    model = network(heads=4)
    bits, h0 = inputs(model, 3, 5)
    refused(r"bits: got shape \(5, 3\), expected \(time, batch, 1\)", model.run, bits[..., 0], h0)
    refused(r"bits: got shape \(0, 3, 1\), expected .* at least one bit", model, bits[:0], h0)
    refused(r"h0: got shape \(3, 12\), expected \(batch, units\) = \(3, 13\)", model.run, bits, h0[:, 1:])
    for heads in ([4], [-1], []):
        refused(r"heads: got \[.*\], expected some of 0 to 3", model, bits, h0, heads=heads)


def official(units: int = 500, heads: int = 100, dtype: torch.dtype = torch.float32, fixed: bool = False):
    """Weights as that code names them, some of them acting on their own unit, some time constants below the clamp."""
    source, root = seeded(0), units**-0.5

    def drawn(*shape: int, bound: float = root):
        return torch.empty(*shape, dtype=dtype).uniform_(-bound, bound, generator=source)

    weights = {"parameterlist.0": torch.full((1,), 2.0, dtype=dtype) if fixed else 1.5 + drawn(units, bound=1.0)}
    weights |= {"modulelist.0.weight": drawn(units, 1, bound=1.0), "modulelist.0.bias": drawn(units, bound=1.0)}
    weights |= {"modulelist.1.weight": drawn(units, units), "modulelist.1.bias": drawn(units)}
    for head in range(2, 2 + heads):
        weights |= {f"modulelist.{head}.weight": drawn(2, units), f"modulelist.{head}.bias": drawn(2)}
    return weights


@pytest.mark.parametrize("fixed", [True, False])
def test_the_weights_take_their_places(fixed):
    """Of the network whose equation is the official code's."""
    weights = official(7, 3, torch.float64, fixed)
    ours = LeakyRNN.from_official(weights, inside=False)
    given = {name.removeprefix("modulelist."): tensor for name, tensor in weights.items()}
    assert not ours.inside and isinstance(ours.raw_tau, torch.nn.Parameter) != fixed
    assert ours.tau.equal(given["parameterlist.0"].clamp(min=1).expand(7))
    assert ours.input_weight.equal(given["0.weight"][:, 0]) and ours.input_bias.equal(given["0.bias"])
    assert ours.weight[~ours.diagonal].equal(given["1.weight"][~ours.diagonal])
    assert ours.recurrent_bias.equal(given["1.bias"])
    for head in range(3):
        assert ours.readout_weight[head].equal(given[f"{2 + head}.weight"])
        assert ours.readout_bias[head].equal(given[f"{2 + head}.bias"])


def test_weights_of_something_else_are_refused():
    def wrong(message, change, error=ValueError):
        weights = official(9, 3)
        change(weights)
        refused(message, LeakyRNN.from_official, weights, error=error)

    wrong("missing or unknown .*'modulelist.1.bias'", lambda w: w.pop("modulelist.1.bias"))
    wrong(r"missing or unknown \['extra'\]", lambda w: w.update(extra=torch.zeros(1)))
    wrong("missing .*; expected a network with 1 heads", lambda w: w.clear())
    wrong("mismatch for input_weight", lambda w: w.update({"modulelist.0.weight": torch.zeros(8, 1)}), RuntimeError)
    wrong("size mismatch for raw_tau", lambda w: w.update({"parameterlist.0": torch.ones(2)}), RuntimeError)
    wrong("expected one dtype", lambda w: w.update({"modulelist.2.bias": torch.zeros(2).double()}))
    wrong("tau: got 0.5 to 0.5 bits", lambda w: w.update({"parameterlist.0": torch.tensor([0.5])}))


FORMS = ["clamp", "projected", "softplus"]


def trio(form: str) -> LeakyRNN:
    return LeakyRNN(3, 1, tau_form=form, generator=torch.Generator().manual_seed(0))


def step(model: LeakyRNN, push: float) -> None:
    """One step of gradient descent on a loss that moves every time constant by about `push`."""
    optimiser = torch.optim.SGD([model.raw_tau], lr=1.0)
    optimiser.zero_grad()
    (-push * tau_of(model.raw_tau, model.tau_form)).sum().backward()
    optimiser.step()
    model.project_()


@pytest.mark.parametrize("form", FORMS)
def test_raw_values_are_the_inverse(form):
    tau = torch.tensor([1.001, 1.5, 2.0, 30.0, 500.0], dtype=torch.float64)
    torch.testing.assert_close(tau_of(raw_of(tau, form), form), tau, rtol=1e-12, atol=0)
    torch.testing.assert_close(tau_of(raw_of(torch.ones(1), form), form), torch.ones(1))


@pytest.mark.parametrize("form", FORMS)
def test_only_the_clamp_traps(form):
    model = trio(form)
    for _ in range(8):
        step(model, push=-1.0)
    assert (model.tau == 1).all() or form == "softplus"
    lowest = model.tau
    for _ in range(400):
        step(model, push=0.1)
    if form == "clamp":
        assert torch.equal(model.tau, lowest) and model.raw_tau.max() < 1
    else:
        assert model.tau.min() > 2


@pytest.mark.parametrize(("tau", "got"), [([0.99, 2.0], "0.99 to 2"), ([float("nan")], "nan"), ([float("inf")], "inf")])
def test_impossible_time_constants(tau, got):
    with pytest.raises(ValueError, match=f"tau: got {got}.* bits, expected finite time constants of at least 1"):
        raw_of(torch.tensor(tau), "clamp")
