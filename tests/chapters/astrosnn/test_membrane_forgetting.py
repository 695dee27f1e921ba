"""What is left of an event: beta^D, gamma^D, and nothing after a spike."""

import pytest
import torch

from chapters.astrosnn.forgetting import left_in_astrocyte, left_in_membrane


def test_a_membrane_keeps_beta_to_the_delay() -> None:
    left = left_in_membrane(12, 0.7, torch.Generator().manual_seed(0))
    assert torch.allclose(left, 0.7 ** torch.arange(12, dtype=torch.float64), rtol=1e-12, atol=0)


def test_a_spike_leaves_nothing_of_what_was_before_it() -> None:
    left = left_in_membrane(12, 0.7, torch.Generator().manual_seed(0), spike_at=5)
    assert torch.allclose(left[:5], 0.7 ** torch.arange(5, dtype=torch.float64), rtol=1e-12, atol=0)
    assert not left[5:].any()


def test_an_astrocyte_keeps_gamma_to_the_delay() -> None:
    gammas = torch.tensor([0.5, 0.9, 1.0], dtype=torch.float64)
    left = left_in_astrocyte(30, gammas, torch.Generator().manual_seed(0))
    expected = gammas ** torch.arange(30, dtype=torch.float64)[:, None]
    assert left.shape == (30, 3) and torch.allclose(left, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("gamma", [0.0, 1.1])
def test_a_decay_that_is_none_is_refused(gamma: float) -> None:
    with pytest.raises(ValueError, match=r"^gammas: got \["):
        left_in_astrocyte(3, torch.tensor([gamma]), torch.Generator())
