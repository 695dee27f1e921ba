from dataclasses import replace

import pytest

from brainlib.ledger import MEASURES, PROFILES, read_claims
from brainlib.timescales.curricula import single_head
from chapters.timescales import measures
from chapters.timescales.settings import SETTINGS, conditions

CONFIG = SETTINGS["ci"].conditions["single-head"]


def test_every_profile_compares_the_two_curricula_alike():
    assert tuple(SETTINGS) == PROFILES
    for settings in SETTINGS.values():
        for configs in (settings.conditions, settings.lesions.configs):
            assert {"single-head", "multi-head"} <= configs.keys()
            for name in configs:
                if name.startswith("single-head"):
                    single, multi = configs[name], configs[name.replace("single", "multi")]
                    assert replace(multi, curriculum=single_head(), largest_span=single.largest_span) == single


def test_runs_share_no_seed():
    settings = SETTINGS["ci"]
    assert [seed for run in range(3) for seed in settings.seeds(run)] == list(range(3 * settings.networks))


def test_conditions_are_named_after_what_they_change():
    configs = conditions(CONFIG, 1, taus=(2,), window=(4, 2), gated={"units": 4})
    assert {f"{heads}-head, {what}" for what in ("tau 2", "lstm", "gru") for heads in ("single", "multi")} <= set(
        configs
    )
    assert configs["multi-head, tau 2"].tau == 2.0
    assert (configs["single-head, gru"].learning_rate, configs["single-head, gru"].rate) == (0.001, 0.5)


@pytest.mark.parametrize("profile", PROFILES)
def test_what_is_retrained_can_have_been_solved(profile):
    lesions = SETTINGS[profile].lesions
    assert lesions.retrained_from <= lesions.single_head.largest_span
    assert lesions.retrained_from < min(lesions.retrained_to)


def test_every_claim_has_its_measure():
    claims = read_claims("chapters/timescales/claims.toml")
    assert {claim for claim, measure in MEASURES.items() if measure.__module__ == measures.__name__} == set(claims)
