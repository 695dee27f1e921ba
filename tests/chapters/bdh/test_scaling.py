"""A GPT beside BDH: sizes, operations, rates, what is compared, and that no effect does not pass for one."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks import bdh_at_scale
from brainlib import ledger
from brainlib.baselines import GPT, GPTConfig
from brainlib.bdh import BDH, BDHConfig
from chapters.bdh import measures, scaling

CLAIMS = "chapters/bdh/claims.toml"
TOY = scaling.Scaling(
    (scaling.pair(16, 8, layers=2, dim=16), scaling.pair(64, 12, layers=2, dim=16)), (1e-3, 1e-2, 1e-1), steps=2,
    networks=2, batch=2, length=8, held_out=40,
)  # fmt: skip


@pytest.mark.parametrize("profile", ["ci", "laptop", "paper"])
def test_both_families_have_equal_parameters(profile):
    for bdh, gpt in scaling.SCALINGS[profile].pairs:
        expected = pytest.approx(scaling.parameters(bdh), rel=0.06 if profile == "paper" else 0.01)
        assert scaling.parameters(gpt) == expected


def test_operations_are_those_of_the_matrix_products():
    gpt = GPTConfig(layers=3, dim=16, heads=2, hidden=40)
    weights = sum(weight.numel() for weight in GPT(gpt).parameters() if weight.ndim == 2)
    assert scaling.operations(gpt, 0) == 2 * weights
    assert scaling.operations(gpt, 10) == 2 * weights + 3 * (10 / 2) * (2 * 2 * 16)
    bdh = BDHConfig(layers=3, dim=16, heads=2, neurons=64)
    assert scaling.operations(bdh, 10) == 3 * (6 * 64 * 16 + 10 / 2 * 2 * (64 + 2 * 16)) + 2 * 16 * 256


def test_rates_are_tuned_and_overflows_are_the_worst(monkeypatch, runs_here):
    def learn(experiment, seed, **_):
        if experiment.training.learning_rate > 1e-2:
            raise FloatingPointError
        return {"tuning": 5 - experiment.training.learning_rate}

    monkeypatch.setattr(scaling, "learn", learn)
    monkeypatch.setenv("BRAINLIB_PROCESSES", "1")
    assert scaling.tune(TOY, TOY.pairs[0][0], "cpu") == {1e-3: 4.999, 1e-2: 4.99, 1e-1: np.inf}


def test_all_are_compared_at_equal_bytes_operations_and_seconds(monkeypatch, runs_here):
    monkeypatch.setattr(scaling, "CLOCKED_ROUNDS", 2)
    monkeypatch.setattr(scaling, "tune", lambda plan, model, device: {1e-2: 1.0})
    rows = scaling.compare(TOY, 1, "cpu")
    assert len(rows) == 2 * len(scaling.FAMILIES) * TOY.networks and set(rows["seed"]) == {2, 3}
    price = rows.set_index(["family", "parameters"]).query("seed == 2")
    for parameters in set(rows["parameters"]):
        bdh, gpt, by_operations, by_seconds = (price.loc[(family, parameters)] for family in scaling.FAMILIES)
        assert bdh["steps"] == gpt["steps"] == TOY.steps
        half_a_step = 0.5 / by_operations["steps"]
        assert by_operations["operations"] == pytest.approx(bdh["operations"], rel=half_a_step)
        assert by_seconds["seconds"] == pytest.approx(bdh["seconds"], abs=0.5 * gpt["seconds"] / TOY.steps)
    assert list(scaling.tune_all(TOY, "cpu")["family"]) == ["BDH", "GPT"] * 2


def outcomes(lead, slope=0.0, longer=0.0, part="effect"):
    """The verdicts on five seeds of a BDH that leads so much, and gains so much with size, and loses so much."""
    noise, rows = np.random.default_rng(0), []
    for seed in range(5):
        for size in (1e5, 3e5, 1e6):
            gap = lead + slope * np.log(size / 1e6)
            means = dict(zip(scaling.FAMILIES, (2.0, 2.0 + gap, 2.0 - longer, 2.0 - longer), strict=True))
            rows += [
                {"family": family, "parameters": int(size), "seed": seed, "loss": loss + noise.normal(0, 0.004)}
                for family, loss in means.items()
            ]
    found = measures.measured_scaling(pd.DataFrame(rows), {})
    if part == "control":
        found = {claim: replace(one, effect=one.control) for claim, one in found.items()}
    return [ledger.record(claim, one, range(5), "laptop", "cpu", claims=CLAIMS).outcome for claim, one in found.items()]


def test_what_the_claims_measure():
    assert outcomes(0.1, 0.03, 0.1) == ["holds"] * 3
    assert outcomes(-0.1, -0.03, -0.1) == ["fails"] * 3
    assert "holds" not in outcomes(0.0)
    assert not {"holds", "void"} & {*outcomes(0.1, 0.03, 0.1, part="control")}


def test_the_command_for_a_gpu_runs_on_a_cpu(monkeypatch, tmp_path):
    text = torch.randint(97, 123, (600,), dtype=torch.uint8)
    monkeypatch.setattr(bdh_at_scale.shakespeare, "read", lambda experiment: (text[:500], text[500:]))
    monkeypatch.setattr(torch, "compile", lambda model: model)
    given = ["--size", "tiny", "--batch", "2", "--length", "16", "--steps", "3", "--folder", str(tmp_path)]
    for _ in range(2):  # the second time all is there
        bdh_at_scale.main(given)
        record = json.loads((tmp_path / "record.json").read_text())
        assert record["held_out"][-1][0] == 3 and record["provenance"]["device_name"]
    assert BDH.from_pretrained(tmp_path).config == bdh_at_scale.SIZES["tiny"]
    bdh_at_scale.main([*given, "--measure"])
    speed = json.loads((tmp_path / "speed.json").read_text())
    assert speed["speed"] > 0 and speed["seconds_of_the_products"] > 0


def test_the_sizes_are_the_papers():
    sizes = {name: config.parameters / 1e6 for name, config in bdh_at_scale.SIZES.items() if name != "tiny"}
    assert sizes == {name: pytest.approx(float(name.removesuffix("M")), rel=0.02) for name in sizes}
