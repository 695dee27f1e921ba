import json

import pytest

from brainlib.training import History, TrainingConfig


def test_json_round_trip_is_exact():
    config = TrainingConfig(steps=3, betas=(0.9, 0.95), clip_norm=None, evaluate_every=2)
    history = History(
        config,
        42,
        "bfloat16",
        [0.1 + 0.2, 1 / 3],
        [1e-3, 7e-310],
        [2.5, 1e300],
        [(2, 1.1)],
        seconds=12.345678901234567,
    )
    again = History.from_json(history.to_json())
    assert again == history
    assert again.evaluations == [(2, 1.1)] and again.config.betas == (0.9, 0.95)


@pytest.mark.parametrize("text", ["{", "[]", "3", '{"losses": []}'])
def test_what_is_no_history_is_refused(text):
    with pytest.raises(ValueError, match=r"^history: "):
        History.from_json(text)


def test_a_config_with_an_unknown_field_is_refused():
    content = json.loads(History(TrainingConfig(steps=1), 1, "float32").to_json())
    content["config"]["momentum"] = 0.9
    with pytest.raises(ValueError, match=r"history: config: .*momentum"):
        History.from_json(json.dumps(content))
