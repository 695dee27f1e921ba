import pytest
from known_network import MATCH, ONE, PARITY

from brainlib.timescales.evaluation import accuracy, relative_accuracy, running_test
from brainlib.timescales.tasks import chance


@pytest.mark.parametrize(("task", "head"), [("parity", PARITY), ("match", MATCH)])
@pytest.mark.parametrize("rate", ["task", None, 0.5])
def test_a_network_that_solves_the_task_is_always_right(known, generator, task, head, rate):
    assert accuracy(known, task, [2], [head], 700, generator, rate) == {2: 1.0}


def test_spans_are_judged_by_their_own_heads(known, generator):
    found = accuracy(known, "parity", (2, 3, 4), (PARITY, PARITY, ONE), 6000, generator)
    assert list(found) == [2, 3, 4] and found[2] == 1
    assert found[3] == pytest.approx(0.5, abs=0.03)  # right when the third bit is 0
    assert found[4] == pytest.approx(1 - chance("parity", 4), abs=0.03)  # how often it is odd


@pytest.mark.parametrize("task", ["parity", "match"])
def test_a_running_test_asks_each_head_after_every_bit(known, generator, task):
    test = running_test(known, task, [2, 5], [0, 1], generator, sequences=3, steps=20, warm_up=6)
    bits = test.bits[:, :, 0].long()
    assert test.bits.shape == (26, 3, 1) and test.answers.shape == (2, 20, 3) and test.h0.shape == (3, 4)
    for span, answers in zip((2, 5), test.answers, strict=True):
        for step in range(20):
            window = bits[6 + step - span + 1 : 6 + step + 1]
            assert answers[step].equal(window.sum(0) % 2 if task == "parity" else (window[0] == window[-1]).long())


def test_a_running_test_counts_what_is_right(known, generator):
    test = running_test(known, "parity", [2, 2], [PARITY, ONE], generator)
    right, guessed = test.accuracy(known)
    assert right == 1.0 and guessed == pytest.approx(test.answers[1].double().mean().item())
    assert guessed == pytest.approx(0.5, abs=0.03)  # balanced bits


def test_unfit_arguments(known, generator):
    with pytest.raises(ValueError, match="sequences: got 0"):
        accuracy(known, "parity", [2], [0], 0, generator)
    with pytest.raises(ValueError, match="heads: got 1, expected one for each of the 2 spans"):
        accuracy(known, "parity", [2, 3], [0], 10, generator)
    with pytest.raises(ValueError, match=r"baseline: got 0\.5, expected an accuracy above"):
        relative_accuracy(0.5, 0.5)
    with pytest.raises(ValueError, match="warm_up: got 3 bits, expected at least 4 for span 5"):
        running_test(known, "parity", [5], [PARITY], generator, warm_up=3)
