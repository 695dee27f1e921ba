"""Text drawn from the model: the same bytes whichever form it was trained in, at constant cost but for attention."""

import pytest
import torch

from brainlib.astrosnn import AMSUConfig, AstroSNN, AstroSNNConfig
from brainlib.astrosnn.mixers import MIXERS
from brainlib.sampling import draw_tokens
from brainlib.training.trees import leaves

VERSE = torch.tensor(list(b"the membrane forgets, the astrocyte remembers. " * 2))[None]


def trained(form: str, dtype: torch.dtype, astrocyte: str = "matrix") -> AstroSNN:
    """A model that has read the verse 10 times in one form."""
    torch.manual_seed(0)
    model = AstroSNN(AstroSNNConfig(dim=32, heads=2, vocab=128, unit=AMSUConfig(dim=32, astrocyte=astrocyte))).to(dtype)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(10):
        optimizer.zero_grad()
        model(VERSE[:, :-1], VERSE[:, 1:], return_state=False, form=form)[1].backward()
        optimizer.step()
    return model


def reread(model: AstroSNN, prompt: torch.Tensor, count: int, form: str, seed: int) -> torch.Tensor:
    """What `generate` gives, by reading the whole text again in another form for each token."""
    text = prompt

    def read(token):
        nonlocal text
        text = torch.cat((text, token[:, None]), 1)
        return model(text, return_state=False, form=form)[0][:, -1]

    with torch.no_grad():
        first = model(prompt, return_state=False, form=form)[0][:, -1]
        drawn = list(draw_tokens(first, read, count, 0.8, 20, torch.Generator().manual_seed(seed)))
    return torch.cat((prompt, torch.stack(drawn, 1)), 1)


@pytest.mark.parametrize(
    ("astrocyte", "dtype"),
    [("matrix", torch.float32), ("matrix", torch.float64), ("gated", torch.float32), ("delta", torch.float32)],
)
def test_a_model_trained_in_one_form_writes_the_same_bytes_in_another(astrocyte, dtype):
    model = trained("chunked", dtype, astrocyte)
    prompt = VERSE[:, :12].expand(2, -1)
    drawn = [model.generate(prompt, 25, 0.8, 20, torch.Generator().manual_seed(seed)) for seed in (1, 2)]
    assert not drawn[0].equal(drawn[1])
    for seed, text in zip((1, 2), drawn, strict=True):
        for form in ("parallel", "chunked", "recurrent"):
            assert reread(model, prompt, 25, form, seed).equal(text), form


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


def test_text_in_text_out_and_on_from_a_state():
    torch.manual_seed(0)
    model = AstroSNN(AstroSNNConfig(layers=1, dim=12, heads=3))
    whole = model.generate("ROMEO: ", 30, 0.0)
    assert isinstance(whole, str) and whole.startswith("ROMEO: ")
    prompt = torch.tensor([list(b"ROMEO: ")])
    tokens = model.generate(prompt, 30, 0.0)
    first, state = model.generate(prompt, 12, 0.0, return_state=True)
    logits, _, expected = model(first)
    for one, other in zip(leaves(state, "state"), leaves(expected, "state"), strict=True):
        torch.testing.assert_close(one, other)
    following = logits[:, -1:].argmax(-1)
    second = model.generate(following, 17, 0.0, state=state)
    assert torch.cat((first, second), 1).equal(tokens)
    streamed = []
    model.generate("ROMEO: ", 30, 0.0, stream=streamed.append)
    assert "ROMEO: " + "".join(streamed) == whole


@pytest.mark.parametrize("changes", [{"inputs": 3}, {"outputs": 5}])
def test_only_a_model_of_tokens_writes(changes):
    with pytest.raises(ValueError, match=r"(model|vectors): "):
        AstroSNN(AstroSNNConfig(layers=1, dim=4, **changes)).generate(VERSE, 1)
