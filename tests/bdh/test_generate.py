import pytest
import torch

from benchmarks.official_bdh import OfficialBDH
from brainlib.bdh import BDH


def test_greedy_text_is_what_recomputing_the_prefix_gives():
    torch.manual_seed(0)
    formula = OfficialBDH(layers=2, dim=16, heads=2, neurons=64, dropout=0.0).double()
    prompt = torch.randint(256, (2, 9))
    generated = BDH.from_official(formula.state_dict(), layers=2).generate(prompt, 12, temperature=0.0)
    assert generated.equal(formula.generate(prompt, 12))


def test_a_generator_repeats_its_text_and_the_mode_is_kept(small, tokens):
    small.train()
    first, second, other = (
        small.generate(tokens, 20, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert first.equal(second) and not first.equal(other)
    assert first[:, : tokens.shape[1]].equal(tokens) and first.shape == (2, tokens.shape[1] + 20)
    assert small.training


def test_top_k_draws_only_from_the_likeliest(small, tokens):
    prompt = tokens[:1].expand(300, -1)
    best = small(tokens[:1])[0][0, -1].topk(3).indices
    drawn = small.generate(prompt, 1, temperature=5.0, top_k=3, generator=torch.Generator().manual_seed(0))[:, -1]
    assert set(drawn.tolist()) == set(best.tolist())


def test_nothing_is_read_again(small, tokens, monkeypatch):
    read, lengths = BDH.read, []
    monkeypatch.setattr(BDH, "read", lambda self, part, *rest: lengths.append(part.shape[1]) or read(self, part, *rest))
    small.generate(tokens, 5)
    assert lengths == [tokens.shape[1]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_new_tokens": -1}, "max_new_tokens: got -1"),
        ({"max_new_tokens": 1, "temperature": -0.1}, "temperature: got -0.1"),
        ({"max_new_tokens": 1, "top_k": 0}, "top_k: got 0, expected 1 to 40"),
        ({"max_new_tokens": 1, "top_k": 41}, "top_k: got 41, expected 1 to 40"),
    ],
)
def test_unfit_arguments_are_named(small, tokens, arguments, message):
    with pytest.raises(ValueError, match=message):
        small.generate(tokens, **arguments)
