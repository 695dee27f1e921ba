from dataclasses import replace

import pytest

from brainlib.ledger import MEASURES, PROFILES, read_claims
from brainlib.timescales.curricula import single_head
from chapters.timescales import measures
from chapters.timescales.networks import CONDITIONS, MULTI, SINGLE, STILL
from chapters.timescales.settings import SETTINGS, conditions

CONFIG = SETTINGS["ci"].conditions[SINGLE]


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


def test_runs_share_no_seed():
    settings = SETTINGS["ci"]
    assert [seed for run in range(3) for seed in settings.seeds(run)] == list(range(3 * settings.networks))


def test_conditions_are_named_after_what_they_change():
    configs = conditions(CONFIG, taus=(2,), window=(4, 2), gated={"units": 4})
    assert {f"{heads}-head, {what}" for what in ("tau 2", "lstm", "gru") for heads in ("single", "multi")} <= set(
        configs
    )
    assert configs["multi-head, tau 2"].tau == 2.0
    assert (configs["single-head, gru"].learning_rate, configs["single-head, gru"].rate) == (0.001, 0.5)


@pytest.mark.parametrize("profile", PROFILES)
def test_what_is_retrained_can_have_been_solved(profile):
    settings = SETTINGS[profile]
    assert settings.lesions.retrained_from <= settings.conditions[MULTI].largest_span
    assert settings.lesions.retrained_from < min(settings.lesions.retrained_to)


def test_every_claim_has_its_measure():
    claims = read_claims("chapters/timescales/claims.toml")
    assert {claim for claim, measure in MEASURES.items() if measure.__module__ == measures.__name__} == set(claims)
