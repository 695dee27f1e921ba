"""The checks of chapter 1 find what is wrong in a broken kernel."""

import json

from brainlib.brainstates.kernels import filter_states
from chapters.brainstates import chains, sketch


def test_a_kernel_that_forgets_the_future_is_found_out(monkeypatch):
    chains.missed.cache_clear()
    assert max(chains.missed(1).values()) < 1e-10
    real = chains.forward_backward
    monkeypatch.setattr(
        chains, "forward_backward", lambda *given: real(*given)._replace(states=filter_states(*given).states)
    )
    chains.missed.cache_clear()
    assert chains.missed(1)["posterior"] > 0.01 and chains.missed(1)["path"] < 1e-10
    chains.missed.cache_clear()


def test_the_future_and_more_neurons_tell_more_of_the_state():
    three = chains.ThreeStates(0)
    assert (
        three.accuracy(0.95, 6, "the past")
        < three.accuracy(0.95, 6, "all of it")
        <= three.accuracy(0.95, 48, "all of it")
    )


def test_waves_have_their_state():
    p = sketch.inferred(sketch.drawn())
    assert p[:20, 0].mean() > 0.8 and p[40:, 1].mean() > 0.8 and p[25:35, 2].mean() > 0.5
    told = json.loads(sketch.content())
    assert len(told["weights"]) == len(told["names"]) == len(told["colours"]) == 3
