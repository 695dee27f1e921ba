"""The GPT reads endless text: however it is cut, every token hears itself and the `memory` tokens before it."""

import inspect

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import gelu, layer_norm

from brainlib.baselines import GPT, GPTConfig, GPTState
from brainlib.baselines.alibi import alibi_bias, alibi_slopes
from brainlib.baselines.gpt import kept_bias

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


@pytest.mark.parametrize("memory", [1, 5, 36, 100])
def test_the_model_is_its_formula_with_the_window_as_a_mask(tokens, memory):
    model = small_gpt(memory=memory)
    torch.testing.assert_close(model(tokens)[0], plainly(model, tokens), rtol=0, atol=1e-11)


@pytest.mark.parametrize("memory", [3, 10, 100])
@pytest.mark.parametrize("cuts", [[1] * 37, [7] * 5 + [2], [20, 1, 16], [36, 1]])
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
    state = model(first)[2]
    late = model(second, second, state)[1]
    assert all(gradient.abs().sum() > 0 for gradient in torch.autograd.grad(late, state, retain_graph=True))
    targets = tokens.roll(-1, 1).split([20, 17], 1)
    _, early, state = model(first, targets[0])
    late = model(second, targets[1], state)[1]
    found = torch.autograd.grad((20 * early + 17 * late) / 37, list(model.parameters()))
    for ours, theirs in zip(found, expected, strict=True):
        assert theirs.norm() > 0
        assert (ours - theirs).norm() <= 1e-11 * theirs.norm()


def test_gradients_are_those_of_finite_differences():
    model = small_gpt(layers=1, dim=6, heads=2, vocab=5, memory=3)
    tokens = torch.tensor([[0, 3, 1, 1, 4]])
    weights = dict(model.named_parameters())

    def loss(*values):
        return torch.func.functional_call(model, dict(zip(weights, values, strict=True)), (tokens, tokens))[1]

    assert torch.autograd.gradcheck(loss, [weight.detach().requires_grad_() for weight in weights.values()])


@pytest.mark.parametrize("memory", [4, 100])
def test_the_future_and_the_forgotten_are_never_heard(tokens, memory):
    model = small_gpt(memory=memory)
    changed = tokens.clone()
    changed[:, 20] = (changed[:, 20] + 1) % 40
    differs = (model(changed)[0] != model(tokens)[0]).any(-1).all(0)
    reach = 20 + 3 * memory  # a layer hears `memory` tokens back, so three hear three times as far
    assert not differs[:20].any() and not differs[reach + 1 :].any()
    assert differs[20 : reach + 1].all()


def test_slopes_are_those_of_the_alibi_paper():
    eight = torch.tensor([0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625, 0.0078125, 0.00390625])
    torch.testing.assert_close(alibi_slopes(8), eight, rtol=0, atol=0)
    assert alibi_slopes(16)[:2].tolist() == pytest.approx([0.5**0.5, 0.5])
    assert alibi_slopes(1).tolist() == [2**-8]
    assert alibi_slopes(3).tolist() == pytest.approx([2 ** (-8 / 3), 2 ** (-16 / 3), 2**-8])
    for heads in range(1, 33):
        slopes = alibi_slopes(heads)
        assert len(set(slopes.tolist())) == heads and slopes.min() >= 2**-8 and slopes.max() < 1


def test_the_bias_falls_with_distance_inside_the_window():
    inf = torch.inf
    expected = [[-2.0, -1.0, 0.0, -inf, -inf], [-inf, -2.0, -1.0, 0.0, -inf], [-inf, -inf, -2.0, -1.0, 0.0]]
    bias = alibi_bias(torch.tensor([1.0, 0.5]), 3, 2, 2)
    torch.testing.assert_close(bias[0], torch.tensor(expected), rtol=0, atol=0)
    torch.testing.assert_close(bias[1], torch.tensor(expected) / 2, rtol=0, atol=0)


def test_parameters_are_counted():
    for changes in ({}, {"hidden": 50}, {"layers": 1, "vocab": 7}):
        model = small_gpt(**changes)
        assert model.config.parameters == sum(weight.numel() for weight in model.parameters())


PAPER = [(9, 480, 5, 25.0), (12, 576, 6, 47.9), (15, 768, 8, 106.3), (18, 960, 10, 199.4), (25, 1152, 12, 398.3)]


@pytest.mark.parametrize(("layers", "dim", "heads", "millions"), [*PAPER, (28, 1536, 16, 793.1)])
def test_the_papers_sizes(layers, dim, heads, millions):
    config = GPTConfig(layers=layers, dim=dim, heads=heads)
    assert config.hidden == 4 * dim
    assert config.parameters / 1e6 == pytest.approx(millions, rel=1e-3)  # read off the paper's Figure 7


def test_it_begins_near_the_uniform_guess_and_the_depth_does_not_show():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = GPT(GPTConfig(layers=8, dim=64, heads=4, vocab=256, dropout=0.0))
    tokens = torch.randint(256, (2, 64), generator=torch.Generator().manual_seed(0))
    assert model(tokens, tokens.flip(1))[1].item() == pytest.approx(5.545, abs=0.1)
    assert model.blocks[0].mlp.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert model.blocks[0].mlp_out.weight.std().item() == pytest.approx(0.02 / 4, rel=0.05)


def test_dropout_is_for_training_only(tokens):
    model = small_gpt(dropout=0.5)
    assert torch.equal(model.eval()(tokens)[0], model(tokens)[0])
    assert not torch.equal(model.train()(tokens)[0], model(tokens)[0])


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


def test_bfloat16_is_close():
    model = small_gpt().float()
    tokens = torch.randint(40, (2, 37), generator=torch.Generator().manual_seed(1))
    exact = model(tokens, tokens.roll(-1, 1))[1]
    with torch.autocast("cpu", torch.bfloat16):
        rough = model(tokens, tokens.roll(-1, 1))[1]
    assert rough.item() == pytest.approx(exact.item(), rel=0.02)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"layers": 0}, "layers: got 0, expected a whole number of at least 1"),
        ({"dim": -1}, "dim: got -1, expected a whole number of at least 1"),
        ({"heads": 5}, "dim: got 24, expected a multiple of heads = 5"),
        ({"memory": 0}, "memory: got 0"),
        ({"dropout": 1.0}, "dropout: got 1.0"),
    ],
)
def test_impossible_sizes(fields, message):
    with pytest.raises(ValueError, match=message):
        GPTConfig(**SIZES | fields)


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (torch.full((1, 3), 40), "tokens: got values from 40 to 40, expected 0 to 39"),
        (torch.zeros(2, 0, dtype=torch.int64), r"tokens: got shape \(2, 0\)"),
        (torch.zeros(1, 3, dtype=torch.int16), "tokens: got dtype torch.int16"),
    ],
)
def test_tokens_that_are_none(tokens, message):
    with pytest.raises(ValueError, match=message):
        small_gpt()(tokens)


def test_targets_of_another_shape(tokens):
    with pytest.raises(ValueError, match=r"targets: got shape \(2, 36\), expected that of tokens \(2, 37\)"):
        inspect.unwrap(GPT.forward)(small_gpt(), tokens, tokens[:, 1:])  # under the annotation check of the tests


@pytest.mark.parametrize("shape", [(2, 2, 3, 5, 8), (3, 1, 3, 5, 8), (3, 2, 3, 11, 8), (3, 2, 3, 5, 4)])
def test_a_state_of_another_model_or_batch(tokens, shape):
    with pytest.raises(ValueError, match=r"state: got keys of shape .*, expected .* \(3, 2, 3, at most 10, 8\)"):
        small_gpt(memory=10)(tokens, state=GPTState(torch.zeros(shape), torch.zeros(shape)))


def test_it_generates_as_it_reads():
    model = small_gpt(memory=6)
    prompt = torch.randint(40, (2, 9), generator=torch.Generator().manual_seed(0))
    text, state = model.generate(prompt, 7, temperature=0.0, return_state=True)
    for place in range(9, 16):
        assert text[:, place].equal(model(text[:, :place])[0][:, -1].argmax(-1))
    torch.testing.assert_close(tuple(state), tuple(model(text)[2]), rtol=0, atol=1e-11)


def test_the_bias_is_built_once(tokens):
    model = small_gpt(memory=10)
    kept_bias.cache_clear()
    with torch.inference_mode():
        model(tokens)
    model(tokens, tokens)[1].backward()  # the tensor that is kept may be differentiated with
    assert kept_bias.cache_info().misses == 1 and kept_bias.cache_info().hits == 1
