"""The variants are the models they are said to be, and tuning leaves no best rate at an edge."""

import math
from dataclasses import replace

import pytest
import torch

from brainlib.bdh import BDH, BDHConfig, graph
from chapters.bdh import forms, tuning, variants
from chapters.bdh.variants import FAN_IN, LISTING, NO_NORM, NORM_FREE, VARIANTS, Plain, Training

TINY = replace(variants.SETTINGS["ci"], dim=8, neurons=16, batch=2, length=8, steps=3, held_out=64)


def test_the_listing_is_the_library_s_model():
    torch.manual_seed(0)
    plain, model = Plain(VARIANTS[LISTING], 8, 16, FAN_IN), BDH(BDHConfig(layers=4, dim=8, neurons=16)).eval()
    weights = {"decoder_x": plain.Dx, "decoder_y": plain.Dy, "encoder": plain.E}
    weights |= {"embedding": plain.embedding, "readout": plain.readout}
    model.load_state_dict({name: weight.data for name, weight in weights.items()}, strict=False)
    tokens = torch.randint(256, (2, 9))
    torch.testing.assert_close(plain(tokens), model(tokens)[0])


def test_without_norms_it_is_equation_7():
    torch.manual_seed(0)
    plain = Plain(VARIANTS[NORM_FREE], 4, 12, FAN_IN).double()
    tokens = torch.randint(256, (1, 6))
    Dx, Dy, E = plain.Dx[0].mT, plain.Dy[0].mT, plain.E[0].mT
    v = plain.embedding[tokens[0]].detach()
    x = (v @ Dx.mT).relu()
    y = v @ torch.linalg.pinv(E).mT  # what neurons would have to say for the channel to hold v
    _, ys = graph.tensor_form(Dx, Dy, E, torch.from_numpy(graph.rope(12)), 4, x, y)
    torch.testing.assert_close(plain.channel(tokens)[0], ys[:, -1] @ E.mT)


@pytest.mark.parametrize("name", [LISTING, NO_NORM, NORM_FREE])
def test_tame_starts_do_not_explode(name):
    torch.manual_seed(0)
    plain, tokens = Plain(VARIANTS[name], 16, 256, FAN_IN), torch.randint(256, (4, 64))
    wild = plain.channel(tokens).std()
    plain.tame(tokens)
    assert plain.channel(tokens).std() <= 6
    assert (wild <= 6) == (name == LISTING)


def test_what_a_training_tells(tmp_path):
    learned = variants.learn(Training(VARIANTS[LISTING], TINY, FAN_IN, 0.01), seed=0, device="cpu")
    assert len(learned["gradients"]) == TINY.steps and 5 < learned["loss"] < 6
    broken = variants.learn(Training(VARIANTS[NORM_FREE], TINY, FAN_IN, 1e6), seed=0, device="cpu")
    assert broken["loss"] == math.log(256)


def test_grids_widen_until_the_best_is_inside_or_enough_are_tried(monkeypatch):
    def tried(losses):
        def study(attempt, conditions, seeds, device):
            return {name: [{"tuning": losses.get(rate, variants.NOTHING)}] for name, rate in conditions.items()}

        monkeypatch.setattr(tuning.runs, "study", study)
        return list(tuning.search(None, float, (1, 2, 4), 0, most=5))

    assert tried({2: 1}) == [1, 2, 4] and tried({4: 4, 8: 1, 16: 2}) == [1, 2, 4, 8, 16]
    assert tried({}) == [0.25, 0.5, 1, 2, 4]  # nothing learned


def test_few_synapses_are_enough_and_only_the_right_way_round():
    found = forms.few_synapses(seed=1)
    assert found["synapses"] == 2 * 4 * 60 and found["of"] == 60**2
    assert found["difference"] < 1e-12 < 0.1 < found["difference, Gs as printed"]
