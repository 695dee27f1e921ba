"""Text drawn from the model: what reading it again gives, a token at a time."""

import pytest
import torch

from brainlib.astrosnn import AstroSNN, AstroSNNConfig
from brainlib.astrosnn.mixers import MIXERS
from brainlib.training.trees import leaves

VERSE = torch.tensor(list(b"the membrane forgets, the astrocyte remembers. " * 2))[None]


@pytest.fixture(params=MIXERS)
def small(request):
    torch.manual_seed(0)
    return AstroSNN(AstroSNNConfig(layers=2, dim=12, heads=3, vocab=128, mixer=request.param))


def test_greedy_text_is_what_reading_it_again_gives(small):
    small.double().train()
    generated = small.generate(VERSE[:, :9], 12, temperature=0.0)
    assert small.training
    expected = VERSE[:, :9]
    for _ in range(12):
        expected = torch.cat((expected, small(expected)[0][:, -1:].argmax(-1)), 1)
    assert generated.equal(expected)


def test_a_token_is_read_once(small, monkeypatch):
    lengths, forward = [], AstroSNN.forward

    def counted(self, tokens, *rest, **options):
        lengths.append(tokens.shape[1])
        return forward(self, tokens, *rest, **options)

    monkeypatch.setattr(AstroSNN, "forward", counted)
    small.generate(VERSE[:, :9], 5)
    assert lengths == [9]


def test_it_goes_on_from_a_state():
    torch.manual_seed(0)
    model = AstroSNN(AstroSNNConfig(layers=1, dim=12, heads=3))
    prompt = torch.tensor([list(b"ROMEO: ")])
    tokens = model.generate(prompt, 30, 0.0)
    first, state = model.generate(prompt, 12, 0.0, return_state=True)
    logits, _, expected = model(first)
    for one, other in zip(leaves(state, "state"), leaves(expected, "state"), strict=True):
        torch.testing.assert_close(one, other)
    following = logits[:, -1:].argmax(-1)
    second = model.generate(following, 17, 0.0, state=state)
    assert torch.cat((first, second), 1).equal(tokens)


@pytest.mark.parametrize("changes", [{"inputs": 3}, {"outputs": 5}])
def test_only_a_model_of_tokens_writes(changes):
    with pytest.raises(ValueError, match=r"(model|vectors): "):
        AstroSNN(AstroSNNConfig(layers=1, dim=4, **changes)).generate(VERSE, 1)
