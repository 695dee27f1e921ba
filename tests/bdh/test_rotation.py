import math
from fractions import Fraction

import torch

from brainlib.bdh.rotation import rope_frequencies, rotate, rotation, to_turns


def test_frequencies_are_the_papers():
    turns = to_turns(rope_frequencies(8192))
    assert turns[0] == torch.tensor(1 / (2 * math.pi), dtype=torch.float64)
    expected = 2.0 ** (-16 * 8190 / 8192) / (2 * math.pi)
    assert abs(float(turns[-1]) - expected) < 1e-15


def test_phases_are_exact_after_a_billion_tokens():
    frequencies = rope_frequencies(16)
    position = 1_234_567_891
    found = rotation(frequencies, position, 1, torch.float64)[0].angle() / (2 * math.pi)
    for phase, frequency in zip(found.tolist(), frequencies.tolist(), strict=True):
        exact = Fraction(position) * frequency / 2**64 % 1
        error = (Fraction(phase) - exact) % 1
        assert min(error, 1 - error) < Fraction(1, 10**14)


def test_a_rotation_turns_pairs_and_its_conjugate_turns_them_back():
    rope = torch.polar(torch.ones(1, 1, dtype=torch.float64), torch.tensor([[math.pi / 2]], dtype=torch.float64))
    x = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(rotate(x, rope), torch.tensor([[0.0, 1.0]], dtype=torch.float64))
    torch.testing.assert_close(rotate(rotate(x, rope), rope.conj()), x)
