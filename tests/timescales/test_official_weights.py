"""A state dict of the official code's form against its formula."""

import pytest
import torch
from torch.nn.functional import leaky_relu, linear

from brainlib.timescales import LeakyRNN, tasks


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def official(units: int = 500, heads: int = 100, dtype: torch.dtype = torch.float32, fixed: bool = False):
    """Weights as that code names them, some of them acting on their own unit, some time constants below the clamp."""
    source, root = generator(), units**-0.5

    def drawn(*shape: int, bound: float = root):
        return torch.empty(*shape, dtype=dtype).uniform_(-bound, bound, generator=source)

    weights = {"parameterlist.0": torch.full((1,), 2.0, dtype=dtype) if fixed else 1.5 + drawn(units, bound=1.0)}
    weights |= {"modulelist.0.weight": drawn(units, 1, bound=1.0), "modulelist.0.bias": drawn(units, bound=1.0)}
    weights |= {"modulelist.1.weight": drawn(units, units), "modulelist.1.bias": drawn(units)}
    for head in range(2, 2 + heads):
        weights |= {f"modulelist.{head}.weight": drawn(2, units), f"modulelist.{head}.bias": drawn(2)}
    return weights


def formula(weights, bits, h, inside: bool):
    """What the official code computes of these weights: the logits of every head."""
    tau = weights["parameterlist.0"].clamp(min=1)
    recurrent = weights["modulelist.1.weight"].clone().fill_diagonal_(0)
    for x in bits:
        current = linear(h, recurrent, weights["modulelist.1.bias"])
        current = current + linear(x, weights["modulelist.0.weight"], weights["modulelist.0.bias"])
        h = leaky_relu((1 - 1 / tau) * h + current / tau) if inside else (1 - 1 / tau) * h + leaky_relu(current) / tau
    heads = (len(weights) - 5) // 2
    return torch.stack(
        [linear(h, *(weights[f"modulelist.{2 + i}.{p}"] for p in ("weight", "bias"))) for i in range(heads)]
    )


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("fixed", [True, False])
@pytest.mark.parametrize("units", [500, 37])
def test_the_networks_compute_what_the_official_code_does(units, fixed, inside):
    weights = official(units, 100 if units == 500 else 3, torch.float64, fixed)
    network = LeakyRNN.from_official(weights, inside=inside)
    bits = tasks.draw_bits(30, 4, generator()).double()
    h0 = network.initial_state(4, generator(1))
    assert h0.dtype == torch.float64
    torch.testing.assert_close(network(bits, h0), formula(weights, bits, h0, inside), rtol=0, atol=1e-11)
    assert isinstance(network.raw_tau, torch.nn.Parameter) != fixed


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda w: w.pop("modulelist.1.bias"), ValueError, "missing or unknown .*'modulelist.1.bias'"),
        (lambda w: w.update(extra=torch.zeros(1)), ValueError, r"missing or unknown \['extra'\]"),
        (lambda w: w.clear(), ValueError, "missing .*; expected a network with 1 heads"),
        (lambda w: w.update({"modulelist.0.weight": torch.zeros(8, 1)}), RuntimeError, "mismatch for input_weight"),
        (lambda w: w.update({"parameterlist.0": torch.ones(2)}), RuntimeError, "size mismatch for raw_tau"),
        (lambda w: w.update({"modulelist.2.bias": torch.zeros(2).double()}), ValueError, "expected one dtype"),
        (lambda w: w.update({"parameterlist.0": torch.tensor([0.5])}), ValueError, "tau: got 0.5 to 0.5 bits"),
    ],
)
def test_weights_of_something_else_are_refused(change, error, message):
    weights = official(9, 3)
    change(weights)
    with pytest.raises(error, match=message):
        LeakyRNN.from_official(weights)
