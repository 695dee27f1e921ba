"""What the chapter on language runs at every profile.

`ci` only shows that everything runs. `laptop` is a size at which the models can be told apart, on one core; a run
of the chapter trains one seed. `paper` is for one GPU; it is not the paper's size (that is said to be 1.5 billion
parameters).
"""

from dataclasses import replace

from brainlib.astrosnn import AstroSNNConfig
from chapters.astrosnn.language import Plan, Study
from chapters.astrosnn.language_models import MODELS


def contexts(longest: int) -> tuple[int, ...]:
    """8, 16, 32, ... up to `longest` bytes."""
    return tuple(2**power for power in range(3, longest.bit_length()))


CI = Study(
    text="nine plays",
    frame=AstroSNNConfig(layers=1, dim=32, heads=4),
    length=64,
    batch=8,
    steps=60,
    models=MODELS,
    contexts=contexts(128),
    test_bytes=2_000,
)
LAPTOP = Study(
    text="tiny Shakespeare",
    frame=AstroSNNConfig(layers=2, dim=64, heads=4),
    length=128,
    batch=16,
    steps=400,
    models=MODELS,
    contexts=contexts(1024),
    test_bytes=16_000,
)
PAPER = Study(
    text="tiny Shakespeare",
    frame=AstroSNNConfig(layers=6, dim=512, heads=8),
    length=256,
    batch=32,
    steps=4_000,
    models=MODELS,
    contexts=contexts(4096),
    test_bytes=50_000,
)
RIVALS = ("AM-SU", "PLIF", "SpikeGPT", "transformer, GELU")


def studies(first: Study, longer: int, larger: AstroSNNConfig, rivals: tuple[str, ...]) -> dict[str, Study]:
    """The first study; the same with crops `longer` times as long (and as many bytes a step); with a `larger` frame;
    and on the verses."""
    few = replace(first, models=rivals)
    return {
        "Shakespeare": first,
        "longer context": replace(few, length=longer * first.length, batch=first.batch // longer),
        "larger": replace(few, frame=larger),
        "verses": replace(few, text="King James Bible"),
    }


POWERS_OF_FOUR = (256, 1024, 4096, 16_384, 65_536)

PLANS = {
    "ci": Plan({"Shakespeare": CI}, rates=(1e-2,), decode_contexts=(256, 65_536), decode_rounds=10, written=40),
    "laptop": Plan(
        studies(LAPTOP, 4, replace(LAPTOP.frame, layers=3, dim=96), RIVALS),
        rates=(5e-3, 1e-2),
        decode_contexts=POWERS_OF_FOUR,
        decode_rounds=100,
        written=300,
    ),
    "paper": Plan(
        studies(PAPER, 4, replace(PAPER.frame, layers=12, dim=1024), RIVALS),
        rates=(5e-4, 1e-3, 2e-3),
        decode_contexts=POWERS_OF_FOUR,
        decode_rounds=100,
        written=300,
    ),
}
