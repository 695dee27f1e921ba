import pytest
import torch
from scipy.stats import mannwhitneyu

from brainlib.bdh import BDH, BDHConfig, attention_scores, record_activity, synapses_of
from brainlib.bdh.anatomy import synapses
from brainlib.bdh.anatomy.synapses import Synapse


@pytest.fixture
def fading() -> BDH:
    torch.manual_seed(0)
    model = BDH(BDHConfig(layers=3, dim=16, heads=2, neurons=64, vocab=40, decay=(0.2, 0.01))).double().eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(15)
    return model


@pytest.mark.parametrize("which", ["small", "fading"])
def test_the_value_after_a_text_is_what_the_next_token_finds(which, tokens, request):
    model = request.getfixturevalue(which)
    activity = record_activity(model, tokens[:, :21])
    for layer, head, neuron, target in ((1, 0, 4, 40), (2, 1, 7, 3)):
        found = synapses_of(model, activity, layer, head, neuron)[:, 20, target]
        place = Synapse(layer, head * model.config.head_neurons + neuron, target)
        torch.testing.assert_close(synapses.synapse_values(model, tokens[:, :20], place), found, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(synapses.synapse_trace(model, tokens, place)[:, 20], found, rtol=1e-9, atol=1e-9)


def everywhere(model, tokens):
    """All synapses of layers 1 and 2 after every text, written out: [texts, layer, target, source]."""
    layers = []
    for layer in (1, 2):
        layers.append(torch.cat([y.mT @ x for y, x in synapses.factors(model, tokens, layer)]))
    return torch.stack(layers, dim=1)


@pytest.fixture
def texts() -> torch.Tensor:
    return torch.randint(40, (20, 12), generator=torch.Generator().manual_seed(2))


LABELLINGS = torch.stack((torch.arange(20) < 8, torch.arange(20) % 2 == 0))


def test_correlations_are_those_of_all_synapses_written_out(small, texts):
    values = everywhere(small, texts)
    for layer in (1, 2):
        found = synapses.correlations(small, texts, LABELLINGS, layer)
        for labels, row in zip(LABELLINGS.double(), found, strict=True):
            both = torch.cat((labels[None], values[:, layer - 1].flatten(1).mT))
            expected = both[both.std(1) > 1e-9].corrcoef()[0, 1:]
            torch.testing.assert_close(row.flatten()[both[1:].std(1) > 1e-9], expected, rtol=1e-6, atol=1e-9)
            assert (row.flatten()[both[1:].std(1) <= 1e-9] == 0).all()


def test_the_search_finds_the_synapse_that_orders_most_pairs(small, texts, monkeypatch):
    """Against the ranks of all synapses, when all are candidates."""
    monkeypatch.setattr(synapses, "CANDIDATES", 64**2)
    values = everywhere(small, texts)
    for labels, synapse in zip(LABELLINGS, synapses.find_synapses(small, texts, LABELLINGS), strict=True):
        above = (values[labels][:, None] > values[~labels]).double() + (values[labels][:, None] == values[~labels]) / 2
        shares = above.mean((0, 1))
        at = shares[synapse.layer - 1, synapse.target, synapse.source]
        assert at == pytest.approx(shares.max()) and at > 0.7
        one = synapses.separation(synapses.synapse_values(small, texts, synapse), labels)
        assert one.share == pytest.approx(at)


def test_a_synapse_leads_from_its_column_to_its_row(small, tokens):
    """What the sources' x recall is what the targets' y were: a = E sigma x is what attention gives."""
    activity = record_activity(small, tokens[:1, :9])
    layer, size = 1, small.config.head_neurons
    sigma = torch.stack([synapses_of(small, activity, layer, 0, neuron)[0, 8] for neuron in range(size)], dim=1)
    recalled = sigma @ activity.x[layer, 0, 0, 8]
    scores = attention_scores(small, activity, layer)[0, 0, 8]
    expected = scores @ activity.y[layer - 1, 0].movedim(0, 1).flatten(1)
    torch.testing.assert_close(recalled, expected, rtol=1e-9, atol=1e-9)


def test_separation_is_mann_whitney():
    generator = torch.Generator().manual_seed(0)
    values, concept = torch.randn(60, generator=generator), torch.arange(60) < 30
    values[concept] += 1
    values[:3] = values[30:33]  # ties
    found = synapses.separation(values, concept)
    inside, outside = values[concept], values[~concept]
    u = (inside[:, None] > outside).double().sum() + (inside[:, None] == outside).double().sum() / 2
    assert found.u == float(u) and found.share == pytest.approx(float(u) / 900)
    assert found.p == mannwhitneyu(inside.numpy(), outside.numpy(), alternative="greater", method="asymptotic").pvalue
    assert found.p < 0.01


def test_unfit_labels(small, tokens):
    with pytest.raises(ValueError, match="row 1 has one kind of label"):
        synapses.find_synapses(small, tokens, torch.tensor([[True, False], [True, True]]))
    with pytest.raises(ValueError, match="got 2 texts with and 0 without"):
        synapses.separation(torch.randn(2), torch.tensor([True, True]))
    flat = BDH(BDHConfig(layers=1, dim=8, heads=2, neurons=16))
    with pytest.raises(ValueError, match="model: got 1 layer"):
        synapses.find_synapses(flat, tokens, torch.tensor([[True, False]]))
