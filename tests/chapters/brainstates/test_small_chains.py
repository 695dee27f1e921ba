"""The check of chapter 1 finds nothing in the kernels, and finds what is wrong in a broken one."""

import pytest
import torch

from brainlib.brainstates.kernels import filter_states
from chapters.brainstates import chains
from chapters.brainstates.chains import errors, random_chain

GENERATOR = torch.Generator


@pytest.mark.parametrize("forbidden", [False, True])
@pytest.mark.parametrize(("states", "bins"), [(1, 4), (2, 1), (2, 9), (3, 6), (5, 4)])
def test_the_kernels_count_like_enumeration(states, bins, forbidden):
    chain = random_chain(states, bins, GENERATOR().manual_seed(states * bins), forbidden)
    assert max(errors(chain)) < 1e-12


def test_forbidden_transitions_are_forbidden():
    chain = random_chain(4, 3, GENERATOR().manual_seed(0), forbidden=True)
    impossible = chain.log_transition == -torch.inf
    assert impossible.sum() == 3 * 3  # 1 from the second state, 2 from the third, in each of three trials
    torch.testing.assert_close(chain.log_transition.exp().sum(-1), torch.ones(3, 4, dtype=torch.float64))


def test_a_kernel_that_forgets_the_future_is_found_out(monkeypatch):
    chain = random_chain(3, 5, GENERATOR().manual_seed(1))
    real = chains.forward_backward

    def broken(*inputs):
        return real(*inputs)._replace(states=filter_states(*inputs).states)

    monkeypatch.setattr(chains, "forward_backward", broken)
    assert errors(chain).posterior > 0.01
    assert errors(chain).path == 0


def test_a_path_that_is_not_the_best_is_found_out(monkeypatch):
    chain = random_chain(3, 5, GENERATOR().manual_seed(1))
    monkeypatch.setattr(chains, "viterbi", lambda *inputs: torch.zeros(3, 5, dtype=torch.int64))
    assert errors(chain).path > 0.1


def test_single_precision_keeps_its_digits_where_logarithms_lose_them():
    single = chains.random_evidence(500, -200, GENERATOR().manual_seed(0))
    exact = chains.shifted(*(tensor.double() for tensor in single))
    wrong = {way.__name__: (way(*single) - exact).abs().max() for way in (chains.clamped, chains.shifted)}
    assert wrong["shifted"] < 1e-4 < 0.1 < wrong["clamped"]


def test_the_future_and_more_neurons_tell_more_of_the_state():
    three = chains.ThreeStates(0)
    assert (
        three.accuracy(0.95, 6, "the past")
        < three.accuracy(0.95, 6, "all of it")
        <= three.accuracy(0.95, 48, "all of it")
    )
