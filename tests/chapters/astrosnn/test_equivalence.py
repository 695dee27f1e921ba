"""The comparison of forms finds them equal, and finds a form that is not."""

import pytest
import torch

from chapters.astrosnn import equivalence


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("kind", equivalence.KINDS)
def test_all_forms_are_the_loops(kind: str) -> None:
    found = equivalence.differences(kind, generator(), steps=19)
    assert list(found) == list(equivalence.FORMS)
    assert max(max(one) for one in found.values()) < 1e-12


def test_a_form_that_differs_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = equivalence.astrocyte_memory

    def wrong(query, key, value, log_decay, write, state, **options):
        return right(query, key, value, log_decay - 1e-6, write, state, **options)

    monkeypatch.setattr(equivalence, "astrocyte_memory", wrong)
    for one in equivalence.differences("fixed", generator(), steps=19).values():
        assert min(one) > 1e-8


@pytest.mark.parametrize("unit", equivalence.UNITS)
def test_no_spike_differs(unit: str) -> None:
    assert equivalence.differing_spikes(unit, generator(), steps=33) == {"recurrent": 0, "parallel": 0, "chunked": 0}


def test_a_spike_that_differs_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    right = equivalence.AMSU.forward

    def wrong(self, x, *rest, **options):
        return right(self, x * 1.05, *rest, **options)

    monkeypatch.setattr(equivalence.AMSU, "forward", wrong)
    assert min(equivalence.differing_spikes("matrix", generator(), steps=33).values()) > 0


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(ValueError, match=r"^kind: got 'other', expected one of fixed, gated, delta"):
        equivalence.problem("other", generator())
