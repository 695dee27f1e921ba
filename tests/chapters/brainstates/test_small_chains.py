"""The check of chapter 1 finds what is wrong in a broken kernel."""

import torch

from brainlib.arguments import seeded
from brainlib.brainstates.kernels import filter_states
from chapters.brainstates import chains
from chapters.brainstates.chains import errors, random_chain


def test_a_kernel_that_forgets_the_future_and_a_path_that_is_not_the_best_are_found_out(monkeypatch):
    chain = random_chain(3, 5, seeded(1))
    real = chains.forward_backward

    def broken(*inputs):
        return real(*inputs)._replace(states=filter_states(*inputs).states)

    monkeypatch.setattr(chains, "forward_backward", broken)
    assert errors(chain).posterior > 0.01 and errors(chain).path == 0
    monkeypatch.setattr(chains, "viterbi", lambda *inputs: torch.zeros(3, 5, dtype=torch.int64))
    assert errors(chain).path > 0.1


def test_the_future_and_more_neurons_tell_more_of_the_state():
    three = chains.ThreeStates(0)
    assert (
        three.accuracy(0.95, 6, "the past")
        < three.accuracy(0.95, 6, "all of it")
        <= three.accuracy(0.95, 48, "all of it")
    )
