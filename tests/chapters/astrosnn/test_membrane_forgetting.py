"""What is left of an event: beta^D, gamma^D, and nothing after a spike."""

import torch

from chapters.astrosnn import forgetting


def test_a_spike_leaves_nothing_of_what_was_before_it() -> None:
    left = forgetting.left_in_membrane(0, spike_at=5)
    assert torch.allclose(left[:5], forgetting.MEMBRANE_THEORY[:5], rtol=1e-12, atol=0) and not left[5:].any()
