import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny_run import TinyBatches, TinyModel, tiny_config, tiny_evaluation, tiny_loss, tiny_model, tiny_train
from torch import nn

from brainlib.bdh import BDH, BDHConfig
from brainlib.data import RandomCrops
from brainlib.training import CheckpointError, TrainingConfig, train

LAST = "step-00000012.safetensors"


class Stop(Exception):
    pass


def stop_after(steps: int, folder: Path, **changes) -> None:
    """A run that ends by an exception in the step after `steps`."""
    calls = []

    def loss(model, batch, state):
        calls.append(1)
        if len(calls) > steps:
            raise Stop
        return tiny_loss(model, batch, state)

    with pytest.raises(Stop):
        config = tiny_config(**changes)
        train(tiny_model(), loss, TinyBatches(), config, tiny_evaluation, folder, progress=False)


def assert_same_run(folder: Path, whole: Path) -> None:
    ours, theirs = (load_file(place / LAST) for place in (folder, whole))
    assert ours.keys() == theirs.keys()
    assert {key.partition("/")[0] for key in ours} == {"model", "optimizer", "batches", "state", "generator"}
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    tiny_train(folder)
    return folder


@pytest.mark.parametrize(("steps", "precision"), [(1, "float32"), (5, "float32"), (6, "float32"), (11, "bfloat16")])
def test_resuming_is_exact(steps, precision, tmp_path):
    model, history = tiny_train(tmp_path / "whole", precision=precision)
    stop_after(steps, tmp_path / "parts", precision=precision)
    again, resumed = tiny_train(tmp_path / "parts", precision=precision)
    assert_same_run(tmp_path / "parts", tmp_path / "whole")
    assert all(map(torch.equal, again.state_dict().values(), model.state_dict().values()))
    resumed.seconds = history.seconds
    assert resumed == history


def test_a_finished_run_is_loaded_without_a_step(whole):
    def never(model, batch, state):
        raise AssertionError("a step was made")

    model = tiny_model(seed=5)
    history = train(model, never, TinyBatches(), tiny_config(), tiny_evaluation, whole, progress=False)
    assert len(history.losses) == 12 and history.seconds > 0
    assert torch.equal(model.readout.weight, load_file(whole / LAST)["model/readout.weight"])


def test_only_the_newest_two_stay_and_foreign_files_are_left(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / ".writing-step-00000099.safetensors").write_bytes(b"half")
    tiny_train(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "step-00000009.safetensors", LAST]


def test_checkpoints_may_become_rarer(tmp_path, whole):
    stop_after(7, tmp_path)
    tiny_train(tmp_path, checkpoint_every=None)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["step-00000006.safetensors", LAST]
    assert_same_run(tmp_path, whole)


def test_auto_precision_does_not_flip(tmp_path, monkeypatch):
    for first, then in (("bfloat16", "float32"), ("float32", "bfloat16")):
        monkeypatch.setattr("brainlib.training.loop.resolve_precision", lambda *_, found=first: found)
        stop_after(7, tmp_path / first, precision="auto")
        monkeypatch.setattr("brainlib.training.loop.resolve_precision", lambda *_, found=then: found)
        assert tiny_train(tmp_path / first, precision="auto")[1].precision == first


DAMAGE = {
    "empty": lambda content: b"",
    "truncated": lambda content: content[: len(content) // 2],
    "a bit of its metadata": lambda content: content.replace(b"losses", b"lossas", 1),
    "a bit of its weights": lambda content: content[:-99] + bytes([content[-99] ^ 1]) + content[-98:],
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_checkpoint_is_refused_by_name(how, whole, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    path = folder / LAST
    path.write_bytes(DAMAGE[how](path.read_bytes()))
    model = tiny_model()
    before = model.readout.weight.clone()
    older = f"go on from the older {folder / 'step-00000009.safetensors'}, remove {path}"
    with pytest.raises(CheckpointError, match=f"{LAST}: .*{older}"):
        train(model, tiny_loss, TinyBatches(), tiny_config(), tiny_evaluation, folder, progress=False)
    assert torch.equal(model.readout.weight, before)
    path.unlink()
    tiny_train(folder)
    assert_same_run(folder, whole)


@pytest.mark.parametrize(("field", "value"), [("steps", 20), ("betas", (0.9, 0.9)), ("clip_norm", None)])
def test_a_checkpoint_of_another_config_is_refused_by_field(field, value, whole):
    with pytest.raises(CheckpointError, match=rf"of another run: its config\.{field} is .*, here it is "):
        tiny_train(whole, **{field: value})


def test_a_checkpoint_of_another_model_is_refused(whole):
    wider, extended = TinyModel(width=16), tiny_model()
    extended.gain = nn.Parameter(torch.ones(1))
    for model, message in (
        (wider, r"model's tensor 'embedding\.weight' is \['torch\.float32', 16, 12\], here it is .*16, 16\]"),
        (extended, "model's tensor 'gain' is 'absent'"),
    ):
        with pytest.raises(CheckpointError, match=f"of another run: its {message}"):
            train(model, tiny_loss, TinyBatches(), tiny_config(), tiny_evaluation, whole, progress=False)


def test_tied_weights_stay_tied(tmp_path):
    class Tied(TinyModel):
        def __init__(self):
            super().__init__()
            self.readout.weight = self.embedding.weight

    first, again = Tied(), Tied()
    train(first, tiny_loss, TinyBatches(), tiny_config(), folder=tmp_path, progress=False)
    train(again, tiny_loss, TinyBatches(), tiny_config(), folder=tmp_path, progress=False)
    assert again.readout.weight is again.embedding.weight
    assert torch.equal(again.embedding.weight, first.embedding.weight)


def test_a_state_that_could_not_be_rebuilt_is_refused_in_the_first_step(tmp_path):
    hidden = namedtuple("hidden", "value")
    calls = []

    def loss(model, batch, state):
        calls.append(1)
        return model(*batch, None)[0], hidden(torch.ones(1))

    with pytest.raises(ValueError, match="state: got hidden, expected tuples"):
        train(tiny_model(), loss, TinyBatches(), tiny_config(), folder=tmp_path, progress=False)
    assert len(calls) == 1 and list(tmp_path.iterdir()) == []


def test_a_model_with_another_number_of_layers_is_refused_though_its_weights_fit(tmp_path):
    """All layers of a Dragon Hatchling share their weights, so that only its config tells them."""
    batches = RandomCrops(torch.arange(99, dtype=torch.uint8), batch=2, length=4)

    def run(layers: int) -> None:
        model = BDH(BDHConfig(layers=layers, dim=8, heads=1, neurons=16, dropout=0.0))
        train(model, lambda m, b, _: (m(*b)[1], None), batches, TrainingConfig(2), folder=tmp_path, progress=False)

    run(layers=2)
    position = batches.state_dict()["generator"]
    with pytest.raises(CheckpointError, match="its model's config 'layers' is 2, here it is 3"):
        run(layers=3)
    assert batches.state_dict()["generator"].equal(position)
    run(layers=2)


def test_runs_killed_anywhere_end_like_the_one_that_was_not(tmp_path):
    command = [sys.executable, str(Path(__file__).with_name("killed_runs.py")), str(tmp_path), "8"]
    root = Path(__file__).parents[2]  # whose brainlib is tested, whichever is installed
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
