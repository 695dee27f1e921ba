import pytest
import torch

from brainlib.bdh import BDH, BDHConfig


@pytest.fixture
def small() -> BDH:
    return small_model(decay=None)


@pytest.fixture
def fading() -> BDH:
    return small_model(decay=(0.2, 0.01))


@pytest.fixture(params=[None, (0.2, 0.01)], ids=["nothing fades", "synapses fade"])
def either(request) -> BDH:
    return small_model(decay=request.param)


def small_model(decay: tuple[float, float] | None) -> BDH:
    """A float64 model whose weights are large enough that every layer changes what it hears."""
    torch.manual_seed(0)
    model = BDH(BDHConfig(layers=3, dim=16, heads=2, neurons=64, vocab=40, dropout=0.0, decay=decay)).double().eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(15)
    return model


@pytest.fixture
def tokens() -> torch.Tensor:
    return torch.randint(40, (2, 37), generator=torch.Generator().manual_seed(1))
