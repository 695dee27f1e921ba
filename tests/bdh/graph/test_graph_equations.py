import numpy as np
import pytest
import torch
from tiny_graphs import DIM, LAYERS, NEURONS, low_rank, tokens

from brainlib.bdh import graph

US = {
    "no change": np.eye(NEURONS),
    "ALiBi": graph.alibi(NEURONS, 0.8),
    "one rate a neuron": np.diag(np.linspace(0.6, 1, NEURONS)),
    "RoPE": graph.rope(NEURONS),
}


@pytest.mark.parametrize("U", US.values(), ids=US)
def test_one_trajectory_in_three_forms(U):
    model = low_rank(U)
    x, y = tokens(model)
    six = graph.equation_6(graph.graphs_of(model), x, y)
    seven = graph.equation_7(model, x, y)
    xs, ys = graph.tensor_form(
        *map(torch.from_numpy, (model.Dx, model.Dy, model.E, U)), LAYERS, *map(torch.from_numpy, (x, y))
    )
    assert np.all(six.y.max((0, 2)) > 1e-3)
    for other in (seven, graph.Trajectory(xs.numpy(), ys.numpy())):
        np.testing.assert_allclose(other.x, six.x, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(other.y, six.y, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(seven.state, model.E @ six.state, rtol=1e-10, atol=1e-12)  # rho = E sigma


def test_rope_turns_as_the_trained_model_does():
    from brainlib.bdh.rotation import rope_frequencies, rotate, rotation

    x = torch.randn(5, NEURONS, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    U = torch.from_numpy(graph.rope(NEURONS))
    turned = torch.stack([torch.matrix_power(U, t) @ x[t] for t in range(5)])
    torch.testing.assert_close(turned, rotate(x, rotation(rope_frequencies(NEURONS), 0, 5, x.dtype)))


def test_the_tensor_form_takes_batches_and_gradients():
    model = low_rank(graph.alibi(NEURONS, 0.9))
    x, y = (torch.from_numpy(rows) for rows in tokens(model))
    Dx, Dy, E, U = (torch.from_numpy(weight) for weight in (model.Dx, model.Dy, model.E, model.U))
    xs, ys = graph.tensor_form(Dx, Dy, E, U, LAYERS, torch.stack((x, 2 * x)), torch.stack((y, y)))
    one = graph.tensor_form(Dx, Dy, E, U, LAYERS, 2 * x, y)
    torch.testing.assert_close((xs[1], ys[1]), one)
    inputs = tuple(weight.clone().requires_grad_() for weight in (Dx, Dy, E))
    assert torch.autograd.gradcheck(lambda *weights: graph.tensor_form(*weights, U, LAYERS, x[:3], y[:3]), inputs)


@pytest.mark.parametrize("seed", range(3))
def test_factorised_graphs(seed):
    draw = np.random.default_rng(seed).normal
    D, E = draw(size=(NEURONS, DIM)), draw(size=(DIM, NEURONS))
    parts = graph.factorise(D, E)
    assert parts.inward.shape == (2 * DIM, NEURONS) and parts.excites.shape == parts.inhibits.shape == (
        NEURONS,
        2 * DIM,
    )
    assert min(part.min() for part in parts) >= 0
    assert parts.edges == 3 * NEURONS * DIM
    np.testing.assert_allclose((parts.excites - parts.inhibits) @ parts.inward, D @ E, rtol=1e-12, atol=1e-13)
