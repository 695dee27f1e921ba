"""Emissions against torch.distributions, autograd and sums over all counts, and far out."""

import pytest
import torch
from refusals import refused
from torch import distributions
from torch.nn.functional import softplus

from brainlib.brainstates.emissions import Emission, require_counts

ALL = [*(Emission(link=link) for link in ("softplus", "exp", "sigmoid")), Emission("bernoulli")]
every_emission = pytest.mark.parametrize("emission", ALL, ids=lambda e: f"{e.kind}-{e.link}")
LINKS = {"softplus": softplus, "exp": torch.exp, "sigmoid": torch.sigmoid}
ETA = torch.linspace(-6, 3, 37, dtype=torch.float64)


def distribution(emission, eta):
    f = LINKS[emission.link](eta)
    if emission.kind == "poisson":
        return distributions.Poisson(f)
    return distributions.Bernoulli(logits=f.expm1().log())


def possible(emission):
    return torch.arange(2 if emission.kind == "bernoulli" else 600)


@every_emission
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
def test_torch_has_the_same_distribution(emission, dtype):
    counts = possible(emission)[:20].to(dtype)
    theirs = distribution(emission, ETA)
    found = emission.log_prob(ETA[:, None], counts)
    expected = torch.stack([theirs.log_prob(x) for x in counts.double()], dim=1)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(emission.mean(ETA), theirs.mean)


@every_emission
def test_score_and_information_are_exact(emission):
    eta = ETA.clone().requires_grad_()
    counts = possible(emission)
    log_p = emission.log_prob(eta[:, None], counts)
    p = log_p.detach().exp()
    torch.testing.assert_close(p.sum(1), torch.ones_like(ETA))
    score, information = emission.score_and_information(ETA[:, None], counts)
    by_autograd = torch.stack([torch.autograd.grad(column.sum(), eta, retain_graph=True)[0] for column in log_p.T[:30]])
    torch.testing.assert_close(score[:, :30], by_autograd.T, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close((p * score).sum(1), torch.zeros_like(ETA), rtol=0, atol=1e-9)
    torch.testing.assert_close((p * score**2).sum(1), information[:, 0], rtol=1e-8, atol=1e-12)


@every_emission
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_far_out_all_is_finite_and_single_precision_suffices(emission, dtype):
    eta = torch.cat([torch.linspace(-1000, 1000, 2001), torch.linspace(-40, 40, 801)]).to(dtype)
    counts = torch.tensor([0, 1] if emission.kind == "bernoulli" else [0, 1, 7, 255, 10**6])
    found = emission.log_prob(eta[:, None], counts), *emission.score_and_information(eta[:, None], counts)
    assert all(values.isfinite().all() for values in found)
    assert (found[0] < 1e-3).all() and (found[2] >= 0).all()
    wide = eta.double()[:, None]
    exact = emission.log_prob(wide, counts), *emission.score_and_information(wide, counts)
    for ours, theirs in zip(found, exact, strict=True):
        cancelling = (counts + emission.mean(wide)) * (1 + wide.abs())
        assert ((ours - theirs).abs() <= 2e-6 * torch.maximum(theirs.abs(), cancelling) + 1e-37).all()


@every_emission
def test_the_drive_of_a_mean(emission):
    torch.testing.assert_close(emission.inverse_link(emission.mean(ETA)), ETA)
    tiny = torch.tensor([1e-30])
    torch.testing.assert_close(emission.mean(emission.inverse_link(tiny)), tiny, rtol=1e-4, atol=0)
    most = [1.0] if emission.kind == "bernoulli" or emission.link == "sigmoid" else []
    for mean in (0.0, -1.0, float("nan"), *most):
        with pytest.raises(ValueError, match=r"mean: got .*, expected above 0 and below"):
            emission.inverse_link(torch.tensor([mean, 0.5]))


def test_a_bernoulli_emission_is_logistic():
    one, other = Emission("bernoulli"), Emission("bernoulli", "sigmoid")
    counts = torch.arange(2)
    assert one.log_prob(ETA[:, None], counts).equal(other.log_prob(ETA[:, None], counts))
    refused("link: got 'exp', expected 'softplus' for a Bernoulli emission", Emission, "bernoulli", "exp")


def test_counts_that_an_emission_cannot_give():
    require_counts(Emission(), torch.tensor([0, 300]))
    require_counts(Emission("bernoulli"), torch.tensor([0, 1], dtype=torch.uint8))
    refused("counts: got 0 to 2", require_counts, Emission("bernoulli"), torch.tensor([0, 2]))
    refused("counts: got -1 to 2, expected 0 or more", require_counts, Emission(), torch.tensor([-1, 2]))
    refused(r"counts: got torch\.float32, expected integers", require_counts, Emission(), torch.tensor([0.5]))
