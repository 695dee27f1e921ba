"""The measures of the astrocyte's physiology for a seed."""

import numpy as np
import pytest
from brainlib.astrosnn.experiments.physiology import SECONDS, physiology


def test_a_seed_draws_its_cues_and_the_answers_follow() -> None:
    one, again, other = physiology(0), physiology(0), physiology(1)
    assert one.calcium == again.calcium and one.ip3 == again.ip3
    assert one.cue != other.cue and 0.15 <= one.cue <= 0.5 and 5 <= one.gap <= 20
    assert one.course.time[-1] == pytest.approx(SECONDS)
    assert np.abs(one.course.calcium[:90]).max() < 1e-8 and one.course.calcium.max() > 0.5  # rest, then the event
    assert 1 < one.calcium.fall.time_constant < 3 and 7 < one.ip3.fall.time_constant < 8
    assert one.ip3.superposition < one.calcium.superposition
