"""The comparison of forms finds a form that differs."""

import pytest

from chapters.astrosnn import equivalence


def test_a_form_that_differs_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right, whole = equivalence.astrocyte_memory, equivalence.AMSU.forward

    def wrong(query, key, value, log_decay, write, state, **options):
        return right(query, key, value, log_decay - 1e-6, write, state, **options)

    monkeypatch.setattr(equivalence, "astrocyte_memory", wrong)
    assert min(map(min, equivalence.differences("fixed", 0).values())) > 1e-8
    monkeypatch.setattr(equivalence.AMSU, "forward", lambda self, x, **options: whole(self, x * 1.05, **options))
    assert equivalence.differing_spikes("fixed", 0) > 0
