"""What the chapter on language runs at every profile.

`ci` only shows that everything runs. `laptop` is a size at which the models can be told apart, on one core; a run
of the chapter trains one seed. `paper` is for one GPU; it is not the paper's size (that is said to be 1.5 billion
parameters).
"""

from dataclasses import replace

from brainlib.astrosnn import AstroSNNConfig
from chapters.astrosnn.language import MAIN, RIVALS, Plan, Study


def contexts(longest: int) -> tuple[int, ...]:
    """8, 16, 32, ... up to `longest` bytes."""
    return tuple(2**power for power in range(3, longest.bit_length()))


def frame(layers: int, dim: int, heads: int = 4) -> AstroSNNConfig:
    """The frame with the unit."""
    return AstroSNNConfig(layers=layers, dim=dim, heads=heads)


FIRST = {
    "ci": Study("nine plays", frame(1, 32), 64, 8, 60, contexts(128), test_bytes=2_000),
    "laptop": Study("tiny Shakespeare", frame(2, 64), 128, 16, 400, contexts(1024), test_bytes=16_000),
    "paper": Study("tiny Shakespeare", frame(6, 512, 8), 256, 32, 4_000, contexts(4096), test_bytes=50_000),
}


def studies(first: Study, larger: AstroSNNConfig) -> dict[str, Study]:
    """The first study; the same with crops four times as long (and as many bytes a step); with a `larger` frame;
    and on the verses."""
    few = replace(first, models=RIVALS)
    return {
        MAIN: first,
        "longer context": replace(few, length=4 * first.length, batch=first.batch // 4),
        "larger": replace(few, frame=larger),
        "verses": replace(few, text="King James Bible"),
    }


LONG = {"decode_contexts": (256, 1024, 4096, 16_384, 65_536), "decode_rounds": 100, "written": 300}
PLANS = {
    "ci": Plan({MAIN: FIRST["ci"]}, (1e-2,), decode_contexts=(256, 65_536), decode_rounds=10, written=40),
    "laptop": Plan(studies(FIRST["laptop"], frame(3, 96)), (5e-3, 1e-2), **LONG),
    "paper": Plan(studies(FIRST["paper"], frame(12, 1024, 8)), (5e-4, 1e-3, 2e-3), **LONG),
}
