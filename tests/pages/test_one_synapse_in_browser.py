"""The synapse that the page itself simulates is brainlib's, at any setting of its sliders."""

import random

import torch

from chapters.astrosnn.one_synapse import one_synapse, script


def test_javascript_and_brainlib_agree(browser) -> None:
    draw = random.Random(0)
    settings = [
        {
            "memory": draw.uniform(1, 2048) if n % 2 else draw.uniform(1, 40),
            "gain": draw.uniform(0, 0.6),
            "threshold": draw.uniform(0.3, 1.6),
            "first_cue": draw.randrange(128),
            "second_cue": draw.randrange(128),
            "question": draw.randrange(128),
            "asked_for": draw.choice(["first", "second"]),
        }
        for n in range(60)
    ]
    context = browser.new_context()
    computed = context.new_page().evaluate(f"(settings) => settings.map({script()})", settings)
    context.close()
    for setting, traces in zip(settings, computed, strict=True):
        expected = one_synapse(**setting)._asdict()
        assert list(traces) == list(expected)
        for name, series in expected.items():
            found = torch.tensor(traces[name], dtype=torch.float64)
            assert torch.allclose(found, series, rtol=1e-9, atol=1e-12), (name, setting)
