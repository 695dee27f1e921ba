"""One synapse: by a loop of its own, and what a question finds."""

import pytest
import torch

from chapters.astrosnn.one_synapse import CUE, QUESTION, TOKENS, one_synapse

CUES = {"first_cue": 8, "second_cue": 40, "asked_for": "first"}
START = CUES | {"memory": 128.0, "gain": 0.35, "threshold": 1.0, "question": 90}


def by_hand(memory, gain, threshold, first_cue, second_cue, question, asked_for) -> list[tuple]:
    """The equations of the module's docstring, one token after the other."""
    m, H, tokens = 0.0, [0.0, 0.0], []
    for t in range(TOKENS):
        key = [float(start <= t < start + CUE) for start in (first_cue, second_cue)]
        asks = float(question <= t < question + QUESTION)
        H = [(1 - 1 / memory) * h + k for h, k in zip(H, key, strict=True)]
        o = gain * asks * H[("first", "second").index(asked_for)]
        current = 0.2 + sum(key)
        u = 0.5 * m + current
        s = float(u + o - threshold >= 0)
        m = u * (1 - s)
        tokens.append((current, u, threshold - o, s, *H, asks))
    return tokens


@pytest.mark.parametrize(
    "changes",
    [{}, {"asked_for": "second"}, {"memory": 1.0}, {"memory": 1e6, "gain": 0.13}, {"second_cue": 9, "threshold": 0.77}],
    ids=str,
)
def test_the_traces_are_the_equations(changes: dict) -> None:
    settings = START | changes
    expected = torch.tensor(by_hand(**settings), dtype=torch.float64).T
    assert torch.allclose(torch.stack(one_synapse(**settings)), expected, rtol=1e-12, atol=1e-12)


def test_the_membrane_has_forgotten_and_the_astrocyte_answers() -> None:
    told, untold = one_synapse(**START), one_synapse(**START | {"first_cue": TOKENS})
    before, during = slice(60, 90), slice(90, 90 + QUESTION)
    assert torch.allclose(told.membrane[before], untold.membrane[before], atol=1e-12)  # beta^50: nothing is left
    assert not told.spikes[before].any() and told.spikes[during].sum() >= 1 and not untold.spikes[during].any()
