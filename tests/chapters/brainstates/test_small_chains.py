"""The checks of chapter 1 find what is wrong in a broken kernel."""

import json

import torch

from brainlib.brainstates.kernels import filter_states
from chapters.brainstates import chains, sketch


def test_a_kernel_that_forgets_the_future_and_a_path_that_is_not_the_best_are_found_out(monkeypatch):
    chains.missed.cache_clear()
    assert max(chains.missed(1).values()) < 1e-10
    real = chains.forward_backward
    monkeypatch.setattr(
        chains, "forward_backward", lambda *given: real(*given)._replace(states=filter_states(*given).states)
    )
    chains.missed.cache_clear()
    assert chains.missed(1)["posterior"] > 0.01 and chains.missed(1)["path"] < 1e-10
    monkeypatch.setattr(chains, "viterbi", lambda e, *_: torch.zeros(e.shape[:2], dtype=torch.int64))
    monkeypatch.setattr(
        chains, "_missed", lambda chain, real=chains._missed: real([chain[0], *map(possible, chain[1:])])
    )
    chains.missed.cache_clear()
    assert chains.missed(1)["path"] > 0.1
    chains.missed.cache_clear()


def possible(logs: torch.Tensor) -> torch.Tensor:
    return logs.clamp(min=-20).log_softmax(-1)


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
