import pytest
import torch
from known_network import MATCH, ONE

from brainlib.timescales.curricula import multi_head
from brainlib.timescales.lesions import retraining
from brainlib.timescales.school import School

STILL = School(
    "match", multi_head(), units=4, heads=3, batch=4, steps=2, tests=1000, largest=4, learning_rate=1e-12
)  # learns nothing


def test_the_head_that_is_named_is_taught_on(known):
    """That for match knows span 2 already, so one epoch is enough; that which always says 1 guesses, to the end."""
    solved = retraining(known, MATCH, STILL, [2, 5], 3, seed=0, device="cpu")
    assert solved[2] == [1.0] and len(solved[5]) == 3 and max(solved[5]) < 0.7
    guessed = retraining(known, ONE, STILL, [2], 3, seed=0, device="cpu")
    assert len(guessed[2]) == 3 and guessed[2] == pytest.approx([0.5] * 3, abs=0.08)


def test_teaching_helps_and_leaves_the_network_as_it_was(known):
    before = {name: tensor.clone() for name, tensor in known.state_dict().items()}
    state = torch.get_rng_state()
    lesson = School("match", multi_head(), units=4, heads=3, batch=32, steps=60, tests=2000, largest=4)
    (learned,) = retraining(known, ONE, lesson, [2], 4, seed=0, device="cpu").values()
    assert learned[-1] > 0.9
    assert all(tensor.equal(before[name]) for name, tensor in known.state_dict().items())
    assert torch.get_rng_state().equal(state)


def test_it_is_resumable(known, tmp_path):
    whole = retraining(known, ONE, STILL, [2, 3], 2, seed=0, device="cpu")
    retraining(known, ONE, STILL, [2], 2, seed=0, device="cpu", folder=tmp_path)
    assert retraining(known, ONE, STILL, [2, 3], 2, seed=0, device="cpu", folder=tmp_path) == whole
    assert {path.name for path in tmp_path.iterdir()} == {"span-2", "span-3"}


def test_a_head_that_is_not_there(known):
    with pytest.raises(ValueError, match="head: got 3, expected 0 to 2"):
        retraining(known, 3, STILL, [2], 1, seed=0)
