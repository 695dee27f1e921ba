import torch

from brainlib.brainstates.fitting.lbfgs import maximise


def test_concave_quadratics_are_climbed_to_the_top():
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(7, 12, 12, generator=generator, dtype=torch.float64)
    bend = root @ root.mT + torch.eye(12)
    top = torch.randn(7, 12, generator=generator, dtype=torch.float64)

    def function(x):
        pull = (bend @ (top - x)[..., None])[..., 0]
        return -((top - x) * pull).sum(1) / 2, pull

    scale = 1 / bend.diagonal(dim1=1, dim2=2)
    found = maximise(function, torch.zeros_like(top), 60, scale)
    torch.testing.assert_close(found, top, atol=1e-4, rtol=0)
    few = maximise(function, torch.zeros_like(top), 8, scale)
    assert (function(few)[0] > function(torch.zeros_like(top))[0]).all()


def test_problems_side_by_side_do_not_disturb_each_other():
    def rosenbrock(x):
        a, b = x.unbind(1)
        gradient = torch.stack((2 * (1 - a) + 40 * a * (b - a**2), -20 * (b - a**2)), 1)
        return -((1 - a) ** 2) - 10 * (b - a**2) ** 2, gradient

    starts = torch.tensor([[-1.2, 1.0], [0.0, 0.0], [2.0, -3.0]], dtype=torch.float64)
    together = maximise(rosenbrock, starts, 80, torch.full_like(starts, 0.1))
    torch.testing.assert_close(together, torch.ones_like(starts), atol=1e-4, rtol=0)
    for start, found in zip(starts, together, strict=True):
        alone = maximise(rosenbrock, start[None], 80, torch.full((1, 2), 0.1, dtype=torch.float64))
        torch.testing.assert_close(alone[0], found, atol=1e-6, rtol=0)


def test_a_value_that_cannot_be_had_is_stepped_back_from():
    def function(x):
        return x.log().sum(1) - x.sum(1), 1 / x - 1  # NaN below zero

    start = torch.tensor([[0.01], [3.0]], dtype=torch.float64)
    found = maximise(function, start, 50, torch.full_like(start, 5.0))
    torch.testing.assert_close(found, torch.ones_like(start), atol=1e-4, rtol=0)


def test_at_the_top_nothing_moves():
    start = torch.tensor([[1.0, 2.0]], dtype=torch.float64)
    found = maximise(lambda x: (-(x - start).square().sum(1), 2 * (start - x)), start, 5, torch.ones_like(start))
    assert torch.equal(found, start)
