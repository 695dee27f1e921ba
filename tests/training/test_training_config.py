import dataclasses
import inspect
import math

import pytest

from brainlib.training import TrainingConfig, learning_rate


def config_of(**fields) -> TrainingConfig:
    """As a reader makes one: without beartype in front of our own checks."""
    config = object.__new__(TrainingConfig)
    inspect.unwrap(TrainingConfig.__init__)(config, **fields)
    return config


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", 0),
        ("learning_rate", math.nan),
        ("warmup_steps", 11),
        ("decay", "exponential"),
        ("final_fraction", 1.5),
        ("weight_decay", math.inf),
        ("betas", (0.9, 1.0)),
        ("clip_norm", 0.0),
        ("evaluate_every", 0),
        ("checkpoint_every", 0),
        ("precision", "float16"),
        ("seed", -1),
    ],
)
def test_an_unfit_field_is_named_with_what_came(field, value):
    with pytest.raises(ValueError, match=rf"^{field}: got ") as error:
        config_of(**{"steps": 10} | {field: value})
    assert field == "betas" or repr(value) in str(error.value)


def test_integers_are_numbers_and_the_config_is_frozen():
    config = config_of(steps=1, learning_rate=1, betas=[0, 0.5], clip_norm=None)
    assert (config.learning_rate, config.betas) == (1.0, (0.0, 0.5))
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.steps = 2


def rates(**fields) -> list[float]:
    config = TrainingConfig(steps=10, learning_rate=2.0, **fields)
    return [learning_rate(config, step) for step in range(1, 11)]


def test_constant():
    assert rates() == [2.0] * 10
    assert rates(warmup_steps=4) == [0.5, 1.0, 1.5] + [2.0] * 7


def test_linear_ends_at_the_final_fraction():
    expected = [1.0, 2.0, 1.8, 1.6, 1.4, 1.2, 1.0, 0.8, 0.6, 0.4]
    assert rates(warmup_steps=2, decay="linear", final_fraction=0.2) == pytest.approx(expected, rel=1e-12)


def test_cosine_is_half_way_in_the_middle_and_ends_at_the_final_fraction():
    values = rates(warmup_steps=2, decay="cosine", final_fraction=0.1)
    assert values[:2] == [1.0, 2.0]
    assert values[5] == pytest.approx(2.0 * 0.55, rel=1e-12)
    assert values[9] == pytest.approx(0.2, rel=1e-12)
    assert values[1:] == sorted(values[1:], reverse=True)
