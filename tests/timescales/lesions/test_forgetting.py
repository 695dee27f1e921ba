import importlib

import pytest
import torch
from known_network import MATCH, PARITY

from brainlib.timescales.curricula import multi_head, single_head, sliding_window
from brainlib.timescales.lesions import forgetting, remembered
from brainlib.timescales.report import Epoch, Report, TimeConstants
from brainlib.timescales.school import School


def epoch(spans: tuple[int, ...], passed: bool) -> Epoch:
    return Epoch(
        spans, (0.9,) * len(spans), passed, loss=0.1, tau=TimeConstants(1.0, 0.0, 1.0, 1.0), operations=1.0, seconds=1.0
    )


def test_a_single_head_that_went_on_to_something_else(known, generator):
    """Head 0 answers for span 2 at first; then it is taught another span, here by silencing it."""
    before = {name: tensor.clone() for name, tensor in known.state_dict().items()}
    with torch.no_grad():
        known.readout_weight.zero_()
    after = {name: tensor.clone() for name, tensor in known.state_dict().items()}
    history = [epoch((2,), False), epoch((2,), True), epoch((3,), False), epoch((3,), True), epoch((4,), False)]
    report = Report(0, known, history, {2: before, 4: after}, "here")
    found = forgetting(report, School("parity", single_head(), largest=4), 4000, generator)
    assert {span: list(spans) for span, spans in found.items()} == {2: [2], 3: [2, 3]}
    assert found[2][2] == 1
    assert found[3][2] == pytest.approx(0.5, abs=0.04) and found[3][3] == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize(
    ("curriculum", "stage", "heads"),
    [
        (single_head(), 2, {2: 0, 3: 0, 4: 0}),
        (multi_head(), 2, {2: 0, 3: 1, 4: 2}),
        (sliding_window(2, 1), 1, {2: 0, 3: 0, 4: 1}),
        (sliding_window(2, 1, fresh_heads=True), 1, {2: 0, 3: 1, 4: 2}),
        (sliding_window(2, 2), 1, {2: 0, 3: 1, 4: 0, 5: 1}),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_each_span_is_asked_of_the_head_that_answered_it_last(known, generator, monkeypatch, curriculum, stage, heads):
    module = importlib.import_module("brainlib.timescales.lesions.forgetting")

    def asked(network, task, spans, heads, *others):
        return dict(zip(spans, map(float, heads), strict=True))

    monkeypatch.setattr(module, "accuracy", asked)
    found = remembered(known, "parity", curriculum, stage, 10, generator)
    assert found == heads and list(found) == sorted(heads)


def test_bits_are_balanced(known, generator):
    """Of match on rates of their own, two of three would be right by always saying so."""
    with torch.no_grad():
        known.readout_weight[MATCH].zero_()  # its bias says "the same"
    known.readout_weight.data[PARITY], known.readout_bias.data[PARITY] = 0.0, known.readout_bias.data[MATCH]
    (found,) = remembered(known, "match", single_head(), 0, 4000, generator).values()
    assert found == pytest.approx(0.5, abs=0.04)
    (found,) = remembered(known, "match", single_head(), 0, 4000, generator, rate=None).values()
    assert found == pytest.approx(2 / 3, abs=0.04)
