from dataclasses import replace

import pytest

from brainlib.ledger import PROFILES
from brainlib.timescales.curricula import single_head
from chapters.timescales.networks import CONDITIONS, MULTI, SINGLE, STILL
from chapters.timescales.settings import SETTINGS


def test_every_profile_compares_the_two_curricula_alike():
    assert tuple(SETTINGS) == PROFILES
    for settings in SETTINGS.values():
        configs = settings.conditions
        assert {*CONDITIONS, STILL} <= configs.keys() and set(CONDITIONS) <= settings.lesioned.keys()
        for name, single in configs.items():
            if name.startswith("single-head"):
                multi = replace(configs[name.replace("single", "multi")], curriculum=single_head())
                longer = {"largest_span": single.largest_span, "epochs": single.epochs} if name == SINGLE else {}
                assert replace(multi, **longer) == single


def test_what_stands_still_begins_as_the_single_head_does_and_is_trained_as_long_as_any():
    for settings in SETTINGS.values():
        still, configs = settings.conditions[STILL], settings.conditions
        assert replace(still, curriculum=single_head(), threshold=0.98) == configs[SINGLE]
        assert still.epochs >= max(configs[name].epochs for name in CONDITIONS)


@pytest.mark.parametrize("profile", PROFILES)
def test_what_is_retrained_can_have_been_solved(profile):
    settings = SETTINGS[profile]
    assert settings.lesions.retrained_from <= settings.conditions[MULTI].largest_span
    assert settings.lesions.retrained_from < min(settings.lesions.retrained_to)
