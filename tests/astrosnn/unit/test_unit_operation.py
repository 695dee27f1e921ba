"""The unit as a module: sizes, starts, what each switch changes, bad input."""

import dataclasses
import inspect
import math

import pytest
import torch
from reference_units import ASTROCYTES, some_state, tokens, unit

from brainlib.astrosnn.unit import AMSU, AMSUConfig

unchecked = inspect.unwrap(AMSU.forward)  # under the annotation check of the tests


@pytest.mark.parametrize("astrocyte", ASTROCYTES)
def test_sizes_are_known_beforehand(astrocyte):
    config = AMSUConfig(dim=24, heads=3, astrocyte=astrocyte)
    built = AMSU(config)
    assert config.parameters == sum(parameter.numel() for parameter in built.parameters())
    _, state = built(torch.randn(1, 5, 24), return_state=True)
    assert {built.state_size(1), built.state_size(10**6)} == {sum(s.numel() for s in state if s is not None)}


def test_weights_come_from_the_generator():
    first, again, other = (AMSU(AMSUConfig(dim=8), torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert all(a.equal(b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not first.input.weight.equal(other.input.weight)
    assert first.input.weight.abs().max() <= 1 / math.sqrt(8)


@pytest.mark.parametrize("astrocyte", ["matrix", "gated", "delta"])
def test_heads_start_with_memories_from_fast_to_slow(astrocyte):
    built = AMSU(AMSUConfig(dim=8, astrocyte=astrocyte, fastest=2.0, slowest=11.0))
    expected = 1 - 2.0 ** -torch.tensor([2, 5, 8, 11])
    torch.testing.assert_close(built.astrocyte.gamma(), expected)
    log_decay = built.astrocyte.project(torch.randn(3, 8))[3]
    torch.testing.assert_close(log_decay.exp().expand(3, 4), expected.expand(3, 4))
    if astrocyte == "delta":
        torch.testing.assert_close(built.astrocyte.project(torch.zeros(1, 8))[4], torch.full((1, 4), 0.5))


def test_calcium_starts_from_ten_to_three_hundred_tokens():
    tau = 1 / (1 - AMSU(AMSUConfig(dim=8, astrocyte="calcium")).double().astrocyte.gamma())
    torch.testing.assert_close(tau[[0, -1]], torch.tensor([10.0, 300.0]).double(), rtol=1e-4, atol=0)


@torch.no_grad()
def test_the_membrane_forgets_and_the_astrocyte_does_not():
    """A text, then silence: the membrane is at beta^D, the matrix at gamma^D of what it was."""
    built = unit(reset="none")
    built.input.bias.zero_()
    _, state = built(tokens(time=5), return_state=True)
    _, after = built(torch.zeros(2, 40, 8, dtype=torch.float64), state, return_state=True)
    torch.testing.assert_close(after.membrane, 0.5**40 * state.membrane)
    gamma = built.astrocyte.gamma()[:, None, None]
    torch.testing.assert_close(after.memory, gamma**40 * state.memory)


@torch.no_grad()
def test_normalised_speech_is_as_loud_however_little_is_left_of_the_memory():
    for normalised in (True, False):
        built = unit(normalised=normalised)
        built.astrocyte.value.weight.zero_()
        x, memory = tokens(time=1), some_state(built).memory
        said = [built.astrocyte(x, left * memory)[0] for left in (1, 0.1)]
        torch.testing.assert_close(said[1], said[0] * (1 if normalised else 0.1), rtol=1e-3, atol=1e-3)


@torch.no_grad()
def test_a_printed_input_never_inhibits():
    current = unit(input="sigmoid").trace(tokens(time=30)).current
    assert current.min() > 0 and current.max() < 1


def test_autocast_computes_spikes_in_the_precision_of_the_weights():
    built = AMSU(AMSUConfig(dim=8, astrocyte="gated"))
    with torch.autocast("cpu", torch.bfloat16):
        _, state = built(torch.randn(2, 5, 8), return_state=True)
        y, state = built(torch.randn(2, 5, 8), state, return_state=True)
    assert (y.dtype, state.membrane.dtype, state.memory.dtype) == (torch.bfloat16, torch.float32, torch.float32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"astrocyte": "glia"}, "astrocyte: got 'glia', expected one of none, calcium, matrix, gated, delta"),
        ({"injection": "soma"}, "injection: got 'soma', expected one of threshold, membrane"),
        ({"reset": "zero"}, "reset: got 'zero', expected one of hard, soft, none"),
        ({"surrogate": "step"}, "surrogate: got 'step', expected one of atan, qgate, sigmoid, fast_sigmoid"),
        ({"heads": 3}, "dim: got 8 with 3 heads, expected a positive multiple"),
        ({"heads": 0}, "dim: got 8 with 0 heads, expected a positive multiple"),
        ({"fastest": 5.0, "slowest": 4.0}, "fastest, slowest: got 5.0, 4.0, expected 0 < fastest <= slowest"),
        ({"tau": 0.5}, "tau: got 0.5, expected at least 1"),
        ({"tau": math.nan}, "tau: got nan, expected a positive number"),
        ({"threshold": 0.0}, "threshold: got 0.0, expected a positive number"),
        ({"astrocyte": "calcium", "injection": "membrane"}, "injection: got 'membrane' with astrocyte 'calcium'"),
        ({"astrocyte": "delta", "features": "elu"}, "features: got 'elu' with astrocyte 'delta', expected 'unit'"),
    ],
)
def test_bad_configurations(change, message):
    check = inspect.unwrap(AMSUConfig.__post_init__)
    config = object.__new__(AMSUConfig)
    config.__dict__.update(dataclasses.asdict(AMSUConfig(dim=8)) | change)
    with pytest.raises(ValueError, match=message):
        check(config)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s._replace(membrane=s.membrane[:1]), r"state.membrane: got torch.float64 \(1, 8\) on cpu"),
        (lambda s: s._replace(membrane=s.membrane.float()), r"torch.float32 \(2, 8\) on cpu, expected torch.float64"),
        (lambda s: s._replace(memory=s.memory.to("meta")), r"state.memory: got torch.float64 \(2, 2, 4, 4\) on meta"),
        (lambda s: s._replace(memory=None), r"state.memory: got None, expected torch.float64 \(2, 2, 4, 4\) on cpu"),
        (lambda s: None if s is None else s.membrane, "state: got Tensor, expected AMSUState"),
    ],
)
def test_bad_states(change, message):
    built = unit()
    with pytest.raises(ValueError, match=message):
        unchecked(built, tokens(), change(some_state(built)))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (tokens(dim=6), "x: got 6 channels, expected 8"),
        (tokens(time=0), "x: got shape .*, expected at least one sequence and token"),
        (tokens().float(), "x: got torch.float32 .* on cpu, expected torch.float64 .* on cpu"),
        (tokens().to("meta"), "x: got torch.float64 .* on meta, expected torch.float64 .* on cpu"),
    ],
)
def test_bad_input(x, message):
    with pytest.raises(ValueError, match=message):
        unchecked(unit(), x)


def test_unknown_form():
    with pytest.raises(ValueError, match="form: got 'scan', expected one of auto, recurrent, parallel, chunked"):
        unchecked(unit(), tokens(), form="scan")


@pytest.mark.parametrize("astrocyte", ASTROCYTES)
def test_what_is_not_a_number_stays_visible(astrocyte):
    """In whatever it stands, a NaN is told, and not taken for silence."""
    built = AMSU(AMSUConfig(dim=8, heads=2, astrocyte=astrocyte))
    x = torch.randn(2, 6, 8)
    broken = x.clone()
    broken[1, 3, 0] = math.nan
    y = built(broken)
    assert y[1, 3:].isnan().all() and not y[0].isnan().any() and not y[1, :3].isnan().any()
    assert built.step(broken[:, 3])[0][1].isnan().all()
    for name, weight in built.named_parameters():
        kept = weight.detach().clone()
        with torch.no_grad():
            weight.view(-1)[0] = math.nan
        state = None
        for token in x.unbind(1):
            told, state = built.step(token, state)
        assert told.isnan().any() and built(x).isnan().any(), name
        with torch.no_grad():
            weight.copy_(kept)
