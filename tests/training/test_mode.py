import pytest
from torch import nn

from brainlib.training.mode import mode


def test_every_module_returns_to_its_own_mode_even_after_an_error():
    model = nn.Sequential(nn.Dropout(), nn.Dropout().eval())
    with pytest.raises(KeyError), mode(model, training=False):
        assert not any(module.training for module in model.modules())
        raise KeyError
    assert model.training and model[0].training and not model[1].training
