"""The GPT reads endless text: however it is cut, every token hears itself and the `memory` tokens before it."""

import pytest
import torch
from refusals import refused
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import gelu, layer_norm

from brainlib.baselines import GPT, GPTConfig, GPTState
from brainlib.baselines.alibi import alibi_slopes

SIZES = {"layers": 3, "dim": 24, "heads": 3, "vocab": 40, "dropout": 0.0}


def small_gpt(**changes) -> GPT:
    """A float64 model whose weights are large enough that every layer changes what it hears."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = GPT(GPTConfig(**SIZES | changes)).double()
        with torch.no_grad():
            for weight in model.parameters():
                weight.mul_(8 if weight.ndim == 2 else 1)
    return model


@pytest.fixture
def tokens() -> torch.Tensor:
    return torch.randint(40, (2, 37), generator=torch.Generator().manual_seed(1))


def plainly(model: GPT, tokens: torch.Tensor) -> torch.Tensor:
    """The same function written out: softmax over a whole matrix of scores, with the window as a mask."""
    c, time = model.config, tokens.shape[1]
    distance = torch.arange(time)[:, None] - torch.arange(time)
    v = model.embedding[tokens]
    slopes = alibi_slopes(c.heads).double()
    for block in model.blocks:
        normed = layer_norm(v, v.shape[2:], block.attention_norm.weight)
        query, key, value = (normed @ block.attention.weight.T).chunk(3, -1)
        attended = []
        for q, k, x, slope in zip(*(side.chunk(c.heads, -1) for side in (query, key, value)), slopes, strict=True):
            scores = q @ k.mT / (c.dim / c.heads) ** 0.5 - slope * distance
            scores[:, (distance < 0) | (distance > c.memory)] = -torch.inf
            attended.append(scores.softmax(-1) @ x)
        v = v + torch.cat(attended, -1) @ block.attention_out.weight.T
        normed = layer_norm(v, v.shape[2:], block.mlp_norm.weight)
        v = v + gelu(normed @ block.mlp.weight.T) @ block.mlp_out.weight.T
    return layer_norm(v, v.shape[2:], model.norm.weight) @ model.embedding.T


@pytest.mark.parametrize("memory", [1, 5, 100])
def test_the_model_is_its_formula_with_the_window_as_a_mask(tokens, memory):
    model = small_gpt(memory=memory)
    torch.testing.assert_close(model(tokens)[0], plainly(model, tokens), rtol=0, atol=1e-11)


@pytest.mark.parametrize("memory", [3, 100])
@pytest.mark.parametrize("cuts", [[1] * 37, [20, 1, 16]])
def test_pieces_with_their_state_are_the_whole(tokens, memory, cuts):
    model = small_gpt(memory=memory)
    whole, _, end = model(tokens)
    state, logits = None, []
    for chunk in tokens.split(cuts, 1):
        part, _, state = model(chunk, state=state)
        logits.append(part)
    torch.testing.assert_close(torch.cat(logits, 1), whole, rtol=0, atol=1e-11)
    torch.testing.assert_close(tuple(state), tuple(end), rtol=0, atol=1e-11)
    assert state.keys.shape == (3, 2, 3, min(memory, 37), 8)


def test_gradients_flow_through_the_state(tokens):
    model = small_gpt(memory=10)
    loss = model(tokens, tokens.roll(-1, 1))[1]
    expected = torch.autograd.grad(loss, list(model.parameters()))
    first, second = tokens.split([20, 17], 1)
    targets = tokens.roll(-1, 1).split([20, 17], 1)
    _, early, state = model(first, targets[0])
    late = model(second, targets[1], state)[1]
    found = torch.autograd.grad((20 * early + 17 * late) / 37, list(model.parameters()))
    for ours, theirs in zip(found, expected, strict=True):
        assert theirs.norm() > 0
        assert (ours - theirs).norm() <= 1e-11 * theirs.norm()


def test_slopes_are_those_of_the_alibi_paper():
    assert alibi_slopes(8).tolist() == [2.0**-n for n in range(1, 9)]
    assert alibi_slopes(16)[:2].tolist() == pytest.approx([0.5**0.5, 0.5])
    assert alibi_slopes(3).tolist() == pytest.approx([2 ** (-8 / 3), 2 ** (-16 / 3), 2**-8])


@pytest.mark.parametrize(("layers", "dim", "heads", "millions"), [(9, 480, 5, 25.0), (28, 1536, 16, 793.1)])
def test_the_papers_sizes(layers, dim, heads, millions):
    config = GPTConfig(layers=layers, dim=dim, heads=heads)
    assert config.parameters / 1e6 == pytest.approx(millions, rel=1e-3)  # read off the paper's Figure 7


def test_it_begins_near_the_uniform_guess_and_the_depth_does_not_show():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = GPT(GPTConfig(layers=8, dim=64, heads=4, vocab=256, dropout=0.0))
    tokens = torch.randint(256, (2, 64), generator=torch.Generator().manual_seed(0))
    assert model(tokens, tokens.flip(1))[1].item() == pytest.approx(5.545, abs=0.1)
    assert model.config.parameters == sum(weight.numel() for weight in model.parameters())
    assert model.blocks[0].mlp.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert model.blocks[0].mlp_out.weight.std().item() == pytest.approx(0.02 / 4, rel=0.05)


@pytest.mark.parametrize("autocast", [False, True])
def test_attention_takes_the_fused_kernel(autocast):
    """The formula in several passes is off: a bias that the fused kernel refuses would raise here."""
    model = GPT(GPTConfig(layers=2, dim=32, heads=4, vocab=40, dropout=0.0, memory=10))
    tokens = torch.randint(40, (2, 16), generator=torch.Generator().manual_seed(0))
    state = None
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION), torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        for _ in range(2):
            _, loss, state = model(tokens, tokens, state)
            loss.backward()
            state = GPTState(*(tensor.detach() for tensor in state))
    assert state.keys.dtype == (torch.bfloat16 if autocast else torch.float32)
    assert all(weight.grad.isfinite().all() for weight in model.parameters())
    model(tokens, state=state)  # and a state in bfloat16 goes on in float32


def test_impossible_sizes():
    refused("dim: got -1, expected a whole number of at least 1", GPTConfig, **SIZES | {"dim": -1})
    refused("dim: got 24, expected a multiple of heads = 5", GPTConfig, **SIZES | {"heads": 5})
    refused("dropout: got 1.0", GPTConfig, **SIZES | {"dropout": 1.0})


@pytest.mark.parametrize("shape", [(2, 2, 3, 5, 8), (3, 1, 3, 5, 8), (3, 2, 3, 11, 8), (3, 2, 3, 5, 4)])
def test_a_state_of_another_model_or_batch(tokens, shape):
    with pytest.raises(
        ValueError, match=r"state: got keys of shape .*, expected .* \(3, 2, 3, \d+, 8\), past at most 10"
    ):
        small_gpt(memory=10)(tokens, state=GPTState(torch.zeros(shape), torch.zeros(shape)))
