"""What the claims on language measure."""

from dataclasses import replace

import pytest

from chapters.astrosnn import language
from chapters.astrosnn.language_profiles import PLANS

LAPTOP = PLANS["laptop"]


def result(study, loss: float) -> dict:
    """A loss that does not depend on the context."""
    curve = [loss] * len(study.contexts)
    counted = {"multiplications": 100.0, "additions": 500.0, "dense": 200.0, "rates": {"a": 0.1, "b": 0.3}}
    facts = {"loss": loss, "by_context": curve, "lesioned": [loss + 0.5] * len(curve), "repeated": 0.25}
    return facts | {"name": "one", "operations": counted}


@pytest.fixture
def results():
    found = {title: {name: result(study, 2.0) for name in study.models} for title, study in LAPTOP.studies.items()}
    found["Shakespeare"]["AM-SU"] = result(LAPTOP.studies["Shakespeare"], 1.75)
    found["longer context"]["AM-SU"] = result(LAPTOP.studies["longer context"], 1.5)
    return found


def test_claims_compare_what_they_say(results):
    found = language.findings(LAPTOP, results)
    assert found["A6"] == found["A6-lif"] == found["A6-spikegpt"] == found["A6-transformer"] == -0.25
    assert found["A6-printed"] == 0.25 and found["A6-state"] == found["A6-larger"] == found["A6-verses"] == 0
    assert found["A6-longer"] == 0.25  # a gain of 0.5 instead of 0.25
    assert found["A6-lesion"] == 0.5 and found["A6-repeat"] == 0
    assert found["A8"] == pytest.approx(0.2) and found["A8-energy"] == 1
    assert found["A8-rest"] == pytest.approx(450 / (450 + 450))


def test_growth_compares_late_with_early():
    study = LAPTOP.studies["Shakespeare"]
    ours = [1.0 if context >= study.length // 2 else 2.0 for context in study.contexts]
    assert language.growth(study, [2.0] * len(ours), ours) == 1.0
    assert language.growth(study, [2.0] * len(ours), [1.0] * len(ours)) == 0.0


def test_a_profile_without_a_study_leaves_its_claims_out(results):
    few = replace(LAPTOP, studies={"Shakespeare": LAPTOP.studies["Shakespeare"]})
    found = language.findings(few, {"Shakespeare": results["Shakespeare"]})
    assert "A6" in found and not {"A6-longer", "A6-larger", "A6-verses"} & set(found)
