import pytest
import torch
from known_network import known_network

from brainlib.timescales import LeakyRNN


@pytest.fixture
def known() -> LeakyRNN:
    return known_network()


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)
