"""The compiled scan against the equations as they stand: values and every gradient."""

import math

import pytest
import torch
from spiking_columns import RESETS, assert_same, everything, neurons

from brainlib.astrosnn import reference
from brainlib.astrosnn.kernels.lif import SURROGATES, compiled, lif_scan

LANES = 64 // 8  # of float64
SIZES = [(1, 1, 1), (2, 5, 7), (1, compiled.SEGMENT, LANES), (3, compiled.SEGMENT + 1, 4 * LANES + 1)]


def in_loops(current, astro=None, time_dim=0, **options):
    """The ground truth of the whole part, one sequence of steps after another."""
    astro = None if astro is None else astro.movedim(time_dim, 0)
    spikes, _, last = reference.lif(current.movedim(time_dim, 0), astro, **options)
    return spikes.movedim(0, time_dim), last


@pytest.mark.parametrize("surrogate", SURROGATES)
@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("size", SIZES)
def test_values_and_gradients_are_those_of_the_equations(size, reset, surrogate):
    inputs = neurons(size)
    for detach_reset in (True, False):
        form = {"reset": reset, "surrogate": surrogate, "detach_reset": detach_reset, "threshold": 0.8, "time_dim": 1}
        found = everything(lif_scan, inputs, impl="cpu", **form)
        assert_same(found, everything(in_loops, inputs, **form), 1e-12)
        assert_same(found, everything(lif_scan, inputs, impl="reference", **form), 1e-12)


@pytest.mark.parametrize("without", ["astro", "state", "beta"])
@pytest.mark.parametrize("reset", RESETS)
def test_what_need_not_be_given(without, reset):
    for size in (*SIZES, (1, 1, 40)):
        inputs = neurons(size)
        del inputs[without]
        found, expected = (
            everything(lif_scan, inputs, reset=reset, time_dim=1, impl=impl) for impl in ("cpu", "reference")
        )
        assert_same(found, expected, 1e-12)


@pytest.mark.parametrize("reads", [{"from_spikes": False}, {"from_last": False}])
def test_a_loss_may_read_the_spikes_or_the_last_membrane_alone(reads):
    for size in (*SIZES, (1, 1, 40)):
        inputs = neurons(size)
        found, expected = (everything(lif_scan, inputs, time_dim=1, impl=i, **reads) for i in ("cpu", "reference"))
        assert_same(found, expected, 1e-12)


@pytest.mark.parametrize("reset", RESETS)
def test_hundreds_of_steps_of_many_columns(reset):
    inputs = neurons((300, 2 * compiled.STRETCH + 3), time_dim=0)
    inputs["beta"] = 1 - inputs["beta"] / 1000
    inputs["current"] /= 10
    found, expected = (everything(lif_scan, inputs, reset=reset, impl=impl) for impl in ("cpu", "reference"))
    assert_same(found, expected, 1e-10)


@pytest.mark.parametrize("reset", RESETS)
def test_single_precision_is_rounded_as_torch_rounds_it(reset):
    """No spike differs from those of a loop in torch; the gradients are as near as single precision is."""
    inputs = neurons((3, 70, 41), dtype=torch.float32)
    found = everything(lif_scan, inputs, reset=reset, time_dim=1, impl="cpu")
    expected = everything(in_loops, inputs, reset=reset, time_dim=1)
    assert found["spikes"].equal(expected["spikes"]) and found["last"].equal(expected["last"])
    assert 0.2 < found["spikes"].mean() < 0.8
    assert_same(found, expected, 2e-6)


@pytest.mark.parametrize("reset", RESETS)
def test_sequences_may_be_cut_anywhere(reset):
    inputs = neurons((2, 75, 11))
    current, astro = inputs.pop("current"), inputs.pop("astro")
    state = inputs.pop("state")
    scan = {"reset": reset, "time_dim": 1, **inputs}
    whole, last = lif_scan(current, astro, state=state, **scan)
    for cut in (1, 32, 40):
        first, between = lif_scan(current[:, :cut], astro[:, :cut], state=state, **scan)
        second, end = lif_scan(current[:, cut:], astro[:, cut:], state=between, **scan)
        assert torch.cat((first, second), 1).equal(whole) and end.equal(last)


@pytest.mark.parametrize(
    ("shape", "time_dim"), [((7,), 0), ((7, 3), 0), ((3, 7), 1), ((2, 3, 7), 2), ((2, 3, 7, 5), -2)]
)
def test_time_may_be_any_axis(shape, time_dim):
    inputs = neurons(shape, time_dim % len(shape))
    if len(shape) == 1:
        inputs["beta"] = torch.tensor([0.7], dtype=torch.float64)
    found, expected = (everything(scan, inputs, time_dim=time_dim) for scan in (lif_scan, in_loops))
    expected = {name: tensor.view_as(found[name]) for name, tensor in expected.items()}
    assert_same(found, expected, 1e-12)


def test_large_arrays_written_past_the_cache_are_the_same():
    inputs = neurons((512, 2 * 1024 + 16), time_dim=0, dtype=torch.float32)
    assert inputs["current"].nbytes >= compiled.LARGE and inputs["current"].shape[1] % 16 == 0
    halves = [{name: tensor[..., half] for name, tensor in inputs.items()} for half in (slice(1024), slice(1024, None))]
    assert halves[1]["current"].nbytes < compiled.LARGE
    found = everything(lif_scan, inputs, from_last=False)
    for name in ("spikes", "last", "d_current"):
        assert found[name].isfinite().all()
    for half, where in zip(halves, (slice(1024), slice(1024, None)), strict=True):
        spikes, last = lif_scan(**half)
        assert spikes.equal(found["spikes"][:, where]) and last.equal(found["last"][where])
    rows = {name: tensor.double() for name, tensor in inputs.items()}
    with_doubles = everything(lif_scan, rows, from_last=False)
    same = (with_doubles["spikes"] == found["spikes"]).all(0)  # columns in which rounding moved no spike
    assert same.double().mean() > 0.9
    for name in ("d_current", "d_astro"):
        torch.testing.assert_close(found[name][:, same].double(), with_doubles[name][:, same], rtol=1e-4, atol=1e-4)


def test_what_is_not_a_number_stays_in_its_column():
    inputs = neurons((2, 6, 21))
    expected, _ = lif_scan(**inputs, time_dim=1)
    inputs["current"][1, 2, 20] = math.nan
    spikes, last = lif_scan(**inputs, time_dim=1)
    assert last[1, 20].isnan() and last.isnan().sum() == 1 and spikes[1, 2:, 20].isnan().all()
    spikes[1, 2:, 20] = expected[1, 2:, 20]
    assert spikes.equal(expected)


@pytest.mark.parametrize("size", [(1, 1, 3), (3, compiled.SEGMENT + 3, 2 * LANES + 3), (1, 40, compiled.STRETCH + 9)])
def test_every_number_is_written(size, poisoned):
    inputs = neurons(size)
    found = everything(lif_scan, inputs, time_dim=1)
    assert all(tensor.isfinite().all() for tensor in found.values())


@pytest.mark.parametrize("astro", [True, False])
@pytest.mark.parametrize("size", [(1, 1, 40), (1, 1, 3), (3, 35, 19), (2, 4, compiled.STRETCH + 5)])
def test_nothing_beside_the_results_is_written(size, astro, monkeypatch):
    """Around each array that a kernel writes lies a margin of its own."""
    margins = []

    def guarded(tensor, *shape):
        shape = shape or tensor.shape
        room = torch.full((math.prod(shape) + 512,), -7.0, dtype=tensor.dtype)
        margins.append(room)
        return room[256:-256].view(shape)

    inputs = neurons(size)
    if not astro:
        del inputs["astro"]
    monkeypatch.setattr(torch, "empty_like", guarded)
    monkeypatch.setattr(torch.Tensor, "new_empty", guarded)
    everything(lif_scan, inputs, time_dim=1)
    monkeypatch.undo()
    assert len(margins) >= 7
    assert all((room[:256] == -7).all() and (room[-256:] == -7).all() for room in margins)


def test_the_number_of_threads_changes_nothing():
    inputs, before = neurons((1, 40, 3 * compiled.STRETCH + 2)), torch.get_num_threads()
    try:
        found = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(everything(lif_scan, inputs, time_dim=1))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert all(found[0][name].equal(found[1][name]) for name in found[0])


@pytest.mark.parametrize("astrocyte", [True, False])
@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("reset", RESETS)
def test_what_is_not_finite_is_told_alike(reset, value, astrocyte):
    """NaN is neither a spike nor none; a hard reset makes NaN of an infinite membrane."""
    inputs = neurons((2, 2 * compiled.SEGMENT, LANES + 3))
    inputs["astro" if astrocyte else "current"][1, 5, 2] = value
    (spikes, last), (expected, membrane) = (
        lif_scan(**inputs, reset=reset, time_dim=1, impl=impl) for impl in ("cpu", "reference")
    )
    torch.testing.assert_close(spikes, expected, equal_nan=True)
    torch.testing.assert_close(last, membrane, equal_nan=True)
    assert bool(spikes[1, 5:, 2].isnan().any()) == (
        math.isnan(value) or (reset, value, astrocyte) == ("hard", math.inf, False)
    )


@pytest.mark.parametrize("detach_reset", [True, False])
@pytest.mark.parametrize("reset", ["soft", "none"])
def test_gradients_after_an_infinite_current_are_alike(reset, detach_reset):
    inputs = neurons((1, compiled.SEGMENT + 3, LANES))
    del inputs["beta"]
    inputs["current"][0, 5, 2] = math.inf
    form = {"reset": reset, "detach_reset": detach_reset, "time_dim": 1, "from_last": False}
    found, expected = (everything(lif_scan, inputs, impl=impl, **form) for impl in ("cpu", "reference"))
    for name, tensor in found.items():
        torch.testing.assert_close(tensor, expected[name], equal_nan=True)
