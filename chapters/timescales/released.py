"""What the official code's repository tells of the authors' networks (`official.toml`), and the same of any network."""

import tomllib
from pathlib import Path

import torch

from brainlib.timescales.model import LeakyRNN

OFFICIAL = tomllib.loads(Path(__file__).with_name("official.toml").read_text())
NUMBERS = "tau_mean", "tau_std", "tau_max", "weight_mean", "spectral_radius"  # of a network in `OFFICIAL`


def summary(network: LeakyRNN) -> dict[str, float]:
    """Mean, standard deviation and maximum of the time constants in bits, the mean weight between two different units,
    and the spectral radius of the weights."""
    tau, weight = network.tau.double(), network.weight.detach().double()
    between = weight.sum() / (weight.numel() - len(weight))  # the diagonal is zero
    radius = torch.linalg.eigvals(weight).abs().max()
    return dict(zip(NUMBERS, map(float, (tau.mean(), tau.std(), tau.max(), between, radius)), strict=True))
