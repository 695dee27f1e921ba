"""LSTM and GRU against their equations, a step at a time, under the same heads."""

import pytest
import torch
from refusals import refused

from brainlib.timescales import GatedRNN, tasks

KINDS = ["lstm", "gru"]


def network(kind: str, units: int = 7, heads: int = 3) -> GatedRNN:
    return GatedRNN(kind, units, heads, generator=torch.Generator().manual_seed(0)).double()


def formula(model: GatedRNN, bits, h):
    """The states by the equations in torch's documentation; bits are heard as -1 and 1."""
    cell, c, states = model.cell, torch.zeros_like(h), []
    for x in 2 * bits - 1:
        heard = x @ cell.weight_ih_l0.T + cell.bias_ih_l0
        recalled = h @ cell.weight_hh_l0.T + cell.bias_hh_l0
        if model.kind == "lstm":
            i, f, g, o = (heard + recalled).chunk(4, dim=1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
        else:
            (heard_r, heard_z, heard_n), (recalled_r, recalled_z, recalled_n) = heard.chunk(3, 1), recalled.chunk(3, 1)
            r, z = (heard_r + recalled_r).sigmoid(), (heard_z + recalled_z).sigmoid()
            h = (1 - z) * (heard_n + r * recalled_n).tanh() + z * h
        states.append(h)
    return torch.stack(states)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("batch", "time"), [(1, 1), (3, 17), (1, 200)])
def test_states_logits_and_gradients_are_those_of_the_equations(kind, batch, time):
    model = network(kind)
    bits = tasks.draw_bits(time, batch, torch.Generator().manual_seed(1)).double()
    h0 = torch.rand(batch, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).requires_grad_()
    expected = formula(model, bits, h0)
    torch.testing.assert_close(model.states(bits, h0), expected)
    logits = torch.stack(
        [expected[-1] @ F.T + c for F, c in zip(model.readout_weight, model.readout_bias, strict=True)]
    )
    torch.testing.assert_close(model(bits, h0), logits)
    torch.testing.assert_close(model(bits, h0, heads=[2, 0]), logits[[2, 0]])
    leaves = [h0, *model.parameters()]
    for found, right in zip(
        *(torch.autograd.grad(t.square().sum(), leaves) for t in (model(bits, h0), logits)), strict=True
    ):
        torch.testing.assert_close(found, right)


@pytest.mark.parametrize("kind", KINDS)
def test_tau_is_how_long_the_gate_keeps_when_only_its_bias_speaks(kind):
    model = network(kind)
    with torch.no_grad():
        for weight in (model.cell.weight_ih_l0, model.cell.weight_hh_l0):
            weight.zero_()
        share = torch.tensor([0.0, 0.5, 0.9, 0.99, 0.2, 0.4, 0.6], dtype=torch.float64).clamp(min=1e-9)
        model.cell.bias_ih_l0.zero_()
        model.cell.bias_hh_l0.zero_()
        model.cell.bias_ih_l0[7:14] = share.logit()
        if kind == "gru":
            h0 = torch.ones(1, 7, dtype=torch.float64)
            kept = model.states(torch.zeros(1, 1, 1, dtype=torch.float64), h0)[0, 0]
            torch.testing.assert_close(kept, share)
    torch.testing.assert_close(model.tau, 1 / (1 - share))


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_drawn_from_the_generator(kind):
    before = torch.get_rng_state()
    model, same = (GatedRNN(kind, 40, 5, generator=torch.Generator().manual_seed(3)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), same.parameters(), strict=True))
    assert torch.equal(torch.get_rng_state(), before)
    assert model.initial_state(4, torch.Generator()).eq(0).all()
    model.project_()
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), same.parameters(), strict=True))


def test_impossible_networks(unchecked):
    refused("kind: got 'rnn', expected one of lstm, gru", GatedRNN, "rnn")
    refused("units: got 0", GatedRNN, "lstm", 0)
    refused(r"h0: got shape \(2, 6\)", network("gru").run, torch.zeros(3, 2, 1), torch.zeros(2, 6))
