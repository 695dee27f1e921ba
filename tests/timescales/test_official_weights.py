"""A state dict of the official code's form."""

import pytest
import torch

from brainlib.arguments import seeded
from brainlib.timescales import LeakyRNN


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
    network = LeakyRNN.from_official(weights, inside=False)
    given = {name.removeprefix("modulelist."): tensor for name, tensor in weights.items()}
    assert not network.inside and isinstance(network.raw_tau, torch.nn.Parameter) != fixed
    assert network.tau.equal(given["parameterlist.0"].clamp(min=1).expand(7))
    assert network.input_weight.equal(given["0.weight"][:, 0]) and network.input_bias.equal(given["0.bias"])
    assert network.weight[~network.diagonal].equal(given["1.weight"][~network.diagonal])
    assert network.recurrent_bias.equal(given["1.bias"])
    for head in range(3):
        assert network.readout_weight[head].equal(given[f"{2 + head}.weight"])
        assert network.readout_bias[head].equal(given[f"{2 + head}.bias"])


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
