"""The parameters' parts, and what a file gives back."""

import pytest
import torch
from safetensors.torch import save_file

from brainlib.brainstates.parameters import Parameters

SEVERAL = Parameters(torch.randn(4, 2, 3, 7), torch.randn(4, 2, 2).log_softmax(-1), torch.randn(4, 2).log_softmax(-1))


def test_parts():
    assert torch.equal(SEVERAL.coupling, SEVERAL.weights[:, :, :, :3])
    assert torch.equal(SEVERAL.bias, SEVERAL.weights[:, :, :, 6])
    assert torch.equal(SEVERAL.run(2).coupling, SEVERAL.coupling[2])
    assert SEVERAL.to(torch.float64).log_initial.dtype == torch.float64
    with pytest.raises(ValueError, match="weights: got 1 features for 3 neurons, expected those of a coupled design"):
        _ = SEVERAL._replace(weights=SEVERAL.weights[..., -1:]).coupling


@pytest.mark.parametrize("parameters", [SEVERAL, SEVERAL.run(1).to(torch.float64)])
def test_a_file_gives_them_back(parameters, tmp_path):
    forbidden = parameters._replace(log_transition=parameters.log_transition.masked_fill(torch.eye(2) == 1, -torch.inf))
    forbidden.save(tmp_path / "fit.safetensors")
    for ours, theirs in zip(forbidden, Parameters.load(tmp_path / "fit.safetensors"), strict=True):
        assert torch.equal(ours, theirs) and ours.dtype == theirs.dtype


def test_another_file_is_refused(tmp_path):
    save_file({"weights": torch.zeros(1), "else": torch.zeros(1)}, tmp_path / "else.safetensors")
    with pytest.raises(
        ValueError, match=r"path: got .* with else, weights, expected weights, log_transition, log_initial"
    ):
        Parameters.load(tmp_path / "else.safetensors")
    (tmp_path / "text").write_text("no tensors here")
    with pytest.raises(ValueError, match=r"path: got .*text, expected a safetensors file"):
        Parameters.load(tmp_path / "text")


def test_tensors_that_share_memory_are_written_apart(tmp_path):
    matrix = torch.randn(3, 3, dtype=torch.float64)
    shared = Parameters(torch.randn(5, 4, 3).mT.mT[:3], matrix, matrix[1])
    shared.save(tmp_path / "fit.safetensors")
    assert all(map(torch.equal, shared, Parameters.load(tmp_path / "fit.safetensors")))
