import pytest
import torch

from brainlib.bdh import attention_scores, density, record_activity, synapses_of
from brainlib.bdh.reference import turned
from brainlib.bdh.rotation import to_turns


def test_recorded_activity_is_what_the_model_computes(small, tokens):
    """The last layer's y, sent through E, gives the logits."""
    from brainlib.bdh.norm import norm

    activity = record_activity(small, tokens)
    config = small.config
    encoder = small.encoder.view(config.heads, config.head_neurons, config.dim)
    v = norm(small.embedding[tokens])
    for y in activity.y:
        v = norm(v + norm((y @ encoder).sum(1)))
    torch.testing.assert_close(v @ small.readout, small(tokens)[0], rtol=0, atol=1e-10)
    assert (activity.x >= 0).all() and ((activity.y > 0) <= (activity.x > 0)).all()


def test_synapses_are_the_loops_of_equation_16(small, tokens):
    activity = record_activity(small, tokens[:1, :9])
    layer, head, neuron = 2, 1, 5
    found = synapses_of(small, activity, layer, head, neuron)[0]
    turns = to_turns(small.frequencies).numpy()
    below = activity.y[layer - 1, 0].movedim(0, 1).flatten(1)
    for t in range(9):
        expected = torch.zeros(small.config.neurons, dtype=torch.float64)
        for s in range(t):
            x = turned(activity.x[layer, 0, head, s].numpy(), -(t - s) * turns)
            expected += below[s] * x[neuron]
        torch.testing.assert_close(found[t], expected, rtol=1e-10, atol=1e-10)


def test_scores_look_only_at_the_past(small, tokens):
    scores = attention_scores(small, record_activity(small, tokens), layer=1)
    assert scores.shape == (2, 2, 37, 37)
    assert scores.triu().count_nonzero() == 0 and scores.count_nonzero() > 0


def test_density_counts_what_is_above_zero():
    activations = torch.tensor([[[0.0, 1.0], [0.0, 0.0]], [[2.0, 1.0], [0.5, 0.0]]])
    assert density(activations).tolist() == [0.25, 0.75]


@pytest.mark.parametrize(("layer", "head", "neuron"), [(0, 0, 0), (3, 0, 0), (1, 2, 0), (1, 0, 32)])
def test_neurons_that_are_not_there(small, tokens, layer, head, neuron):
    with pytest.raises(ValueError, match="expected"):
        synapses_of(small, record_activity(small, tokens), layer, head, neuron)
