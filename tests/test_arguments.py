"""What a notebook hands over: NumPy's integers, paths under the home folder, tensors where one number is meant.

In a process of its own, as the tests' check of annotations would refuse some of it before brainlib does.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from brainlib.arguments import whole_number

ROOT = Path(__file__).parents[1]
LAYERS = {"layers": 1, "dim": 8, "heads": 2}


def told(program: str, **environment: str) -> str:
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=os.environ | environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("value", [np.int64(3), np.uint8(3), np.array(3), 3])
def test_any_integer_is_a_whole_number(value):
    found = whole_number("size", value, least=3)
    assert type(found) is int and found == 3


@pytest.mark.parametrize("value", [True, np.True_, 3.0, np.float64(3), "3", None, np.array([3, 4]), 2])
def test_nothing_else_is(value):
    with pytest.raises(ValueError, match=r"size: got .*, expected a whole number of at least 3"):
        whole_number("size", value, least=3)


def test_integers_of_numpy_are_seeds_and_sizes_everywhere():
    told("""
import tempfile
import numpy as np, torch
n, two, four = np.int64(1), np.int32(2), np.uint8(4)
from brainlib.astrosnn.model import AstroSNN, AstroSNNConfig
from chapters.astrosnn.tasks import Stream, associative_recall
from brainlib.baselines.gpt import GPT, GPTConfig
from brainlib.bdh import BDH, BDHConfig
from brainlib.brainstates.design import design, exponential_basis
from brainlib.brainstates.fitting import Model, fit
from brainlib.brainstates.onehot import OneHot
from chapters.brainstates import brains
from brainlib.data import RandomCrops, hold_out, translation_stream
from brainlib.timescales.curricula import single_head
from brainlib.timescales.model import LeakyRNN
from brainlib.timescales.training import CurriculumConfig
from brainlib.timescales.training import train as train_curriculum
from brainlib.training import TrainingConfig, byte_losses, train

text = torch.randint(128, (four, np.int64(9)))
for config, model in (
    (BDHConfig(n, four * 2, two, four * 4, 128), BDH),
    (GPTConfig(n, 8, two, vocab=np.int16(128)), GPT),
    (AstroSNNConfig(n, 8, two, np.int64(128)), AstroSNN),
):
    assert type(config.layers) is int
    model(config)(text, text)
model = BDH(BDHConfig(n, 8, two, 16, 128)).eval()
model(text, chunk_size=four)
assert model.generate(text, two, top_k=four).shape == (4, 11)
byte_losses(model, text.flatten().byte(), two, four)

RandomCrops(text.flatten().byte(), two, four, np.int64(3)).next_batch()
translation_stream(hold_out([("a", "b")] * 9, two, four)[0], seed=np.int64(5))

class Batches:
    def next_batch(self): return text, text
    def state_dict(self): return {}
    def load_state_dict(self, state): pass

config = TrainingConfig(steps=two, warmup_steps=n, seed=np.int64(5), checkpoint_every=n)
with tempfile.TemporaryDirectory() as folder:
    for _ in range(2):
        train(model, lambda m, b, s: (m(*b)[1], None), Batches(), config, folder=folder, progress=False)
with tempfile.TemporaryDirectory() as folder:
    config = CurriculumConfig("parity", single_head(two), four, two, four, n, n, np.int64(3), four)
    for _ in range(2):
        train_curriculum(config, np.int64(3), "cpu", folder)
LeakyRNN(four, two)
Stream([associative_recall(two)], two, np.int64(3)).next_batch()
generator = torch.Generator().manual_seed(0)
brain = brains.demo_brain(generator, states=two, neurons=four)
trials, _ = brains.simulate(brain, four, np.int64(40), generator)
exponential_basis(np.int64(5))
OneHot(two)
fit(Model(two), design(trials).pick(np.arange(3, dtype=np.int32)), iterations=two, seed=np.int64(2))
""")


def test_a_folder_may_lie_under_the_home_folder(tmp_path):
    told("""
import json
import torch
from dataclasses import asdict
from pathlib import Path
from brainlib import runs
from brainlib.brainstates import HMMGLM
from brainlib.ledger import read_claims
from brainlib.training import TrainingConfig, train

class Batches:
    def next_batch(self): return torch.ones(2, 1)
    def state_dict(self): return {}
    def load_state_dict(self, state): pass

for folder in ("~/first", Path("~/second")):
    model = torch.nn.Linear(1, 1)
    train(model, lambda m, b, s: (m(b).mean(), None), Batches(), TrainingConfig(1), folder=folder, progress=False)
    assert list(Path(folder).expanduser().iterdir()) and not Path("~").exists()
model = HMMGLM(1, n_init=1, max_iter=1).fit(torch.ones(9, 2).int())
model.save("~/fit.safetensors")
assert (HMMGLM.load("~/fit.safetensors").weights_ == model.weights_).all()
Path("~/claims.toml").expanduser().write_text("")
assert read_claims("~/claims.toml") == {}
Path("~/runs").expanduser().mkdir()
run = runs.Run("a", "ci", 0, {}, {})
Path("~/runs/a-ci-seed0.json").expanduser().write_text(json.dumps(asdict(run)))
assert len(runs.kept("a", "~/runs")) == 1
""", HOME=str(tmp_path))  # fmt: skip


def test_a_tensor_where_one_number_is_shared_is_named():
    told("""
import torch
from brainlib.astrosnn.kernels.lif import lif_scan, surrogate_gradient
from brainlib.astrosnn.unit import AMSUConfig
x = torch.ones(2, 3, 4)
for tensor in (torch.nn.Parameter(torch.tensor(1.0)), torch.nn.Parameter(torch.ones(4)), torch.ones(1)):
    for name, call in (
        ("slope", lambda: lif_scan(x, slope=tensor)),
        ("slope", lambda: surrogate_gradient(x, "atan", tensor)),
        ("threshold", lambda: AMSUConfig(4, threshold=tensor)),
        ("tau", lambda: AMSUConfig(4, tau=tensor)),
    ):
        try:
            call()
        except ValueError as error:
            assert str(error).startswith(f"{name}: got a tensor of shape"), error
        else:
            raise AssertionError(name)
""")
