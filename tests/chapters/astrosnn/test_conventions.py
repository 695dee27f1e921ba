"""Conventions against the loops of the libraries that they are named after."""

import pytest
import torch

from brainlib.astrosnn.reference import spike
from chapters.astrosnn import conventions

CURRENT = 2 * torch.randn(40, 3, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def braincog(current):
    """mem += (inputs - mem) / tau ; spike = act(mem - threshold) ; mem *= (1 - spike.detach())"""
    mem, spikes = torch.zeros_like(current[0]), []
    for inputs in current:
        mem = mem + (inputs - mem) / 2.0
        spikes.append(spike(mem - 0.5, "qgate", 2.0))
        mem = mem * (1 - spikes[-1].detach())
    return torch.stack(spikes)


def spikegpt(current):
    """v = v + (x - (v - v_reset)) / tau ; spike = atan(v - v_threshold) ; v = (1 - spike) v + spike v_reset"""
    v, spikes = torch.zeros_like(current[0]), []
    for x in current:
        v = v + (x - v) / 2.0
        spikes.append(spike(v - 1.0, "atan", 2.0))
        v = (1 - spikes[-1]) * v
    return torch.stack(spikes)


@pytest.mark.parametrize("loop", [braincog, spikegpt])
def test_a_convention_is_the_librarys_neuron(loop):
    current = CURRENT.clone().requires_grad_()
    spikes, _ = getattr(conventions, loop.__name__)(current)
    expected = loop(current)
    assert 0.05 < expected.mean() < 0.8 and spikes.equal(expected)
    weight = torch.linspace(-1, 1, spikes.numel(), dtype=spikes.dtype).view_as(spikes)
    found, wanted = (torch.autograd.grad((weight * s).sum(), current)[0] for s in (spikes, expected))
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


def test_the_same_neuron_by_two_names_and_another_by_the_same():
    """Half the current against half the threshold changes nothing; against the whole it silences."""
    ours, laboratory, spikegpt = (
        scan(CURRENT)[0] for scan in (conventions.reconstruction, conventions.braincog, conventions.spikegpt)
    )
    assert ours.equal(laboratory) and spikegpt.mean() < 0.8 * ours.mean()
