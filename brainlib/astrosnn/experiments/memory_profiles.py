"""The chapter on memory at every profile: which experiments, at which sizes.

At `laptop` a run of the chapter at one seed trains the networks of that seed, so that seeds can run side by side; three
seeds take an hour of one core. `ci` trains three small networks for each claim that it asserts. The paper's sizes could
not be read: `paper` is `laptop` with wider networks, longer lessons and longer delays, for a GPU.
"""

from dataclasses import dataclass, replace

from brainlib.astrosnn.experiments.mechanisms import ABLATIONS, AS_MUCH_STATE, CAUSES, MECHANISMS
from brainlib.astrosnn.experiments.memory import Experiment
from brainlib.astrosnn.experiments.teaching import Lessons
from brainlib.astrosnn.model import AstroSNNConfig

SCALAR = ("LIF", "PLIF", "ALIF", "calcium")  # one slow number a neuron at the most
ORDERS = ("rows", "pixels", "permuted")


@dataclass(frozen=True)
class Plan:
    """All that the chapter trains. `networks` a run: seeds `seed * networks` to `(seed + 1) * networks - 1`.

    - `frame`: the unit's sizes; contestants are matched to it.
    - `retention`: all delays at once, for every mechanism; `alone`: one delay and no shorter one.
    - `causes`, `causes_alone`: the unit with normalised or raw o, and slow or fast decays.
    - `pairs`: associative recall; `state`: the same with as much state; `capacity`: by the size of heads; `ablations`:
      by what is changed.
    - `copying`, `digits`.
    - `bare`: sizes of heads at which a matrix is written at random, without a network.
    """

    networks: int
    frame: AstroSNNConfig
    retention: Experiment
    alone: Experiment
    causes: Experiment
    causes_alone: Experiment
    pairs: Experiment
    state: Experiment
    capacity: Experiment
    ablations: Experiment
    copying: Experiment
    digits: Experiment
    bare: tuple[int, ...]

    def seeds(self, seed: int) -> range:
        """The seeds of the networks in one run of the chapter."""
        return range(seed * self.networks, (seed + 1) * self.networks)


DELAYS = (4, 8, 16, 32, 64, 128)
FARTHER = (*DELAYS, 256, 512)
COPIED = ("LIF", "PLIF", "calcium", "AM-SU", "GRU", "RWKV", "transformer")

LAPTOP = Plan(
    networks=1,
    frame=AstroSNNConfig(dim=48, heads=4, hidden=96),
    retention=Experiment("recall", tuple(MECHANISMS), DELAYS, Lessons(800, 32), FARTHER, together=True),
    alone=Experiment("recall", tuple(MECHANISMS), (8, 32), Lessons(600, 32)),
    causes=Experiment("recall", tuple(CAUSES), DELAYS, Lessons(400, 32), FARTHER, together=True),
    causes_alone=Experiment("recall", tuple(CAUSES), (32, 128), Lessons(400, 32)),
    pairs=Experiment("pairs", tuple(MECHANISMS), (2, 4, 8), Lessons(1500), (2, 4, 8, 12), together=True),
    state=Experiment("pairs", ("AM-SU", *AS_MUCH_STATE), (2, 4), Lessons(800), together=True),
    capacity=Experiment(
        "pairs",
        ("heads of 4", "heads of 8", "heads of 16", "heads of 24"),
        (4, 8, 16),
        Lessons(1500),
        (2, 4, 8, 12, 16, 24),
        together=True,
    ),
    ablations=Experiment("pairs", tuple(ABLATIONS), (2, 4, 8), Lessons(800), together=True),
    copying=Experiment(
        "copying", COPIED, (4, 8), Lessons(800, 32), (4, 8, 12), together=True, settings=(("delay", 16),)
    ),
    digits=Experiment("digits", ("LIF", "PLIF", "calcium", "AM-SU", "GRU", "RWKV"), ORDERS, Lessons(400, 32)),
    bare=(4, 8, 16, 32, 64),
)

SMALL = AstroSNNConfig(dim=32, heads=4, hidden=32)
FEW = ("LIF", "PLIF", "calcium", "AM-SU")
CI = Plan(
    networks=3,
    frame=SMALL,
    retention=Experiment("recall", FEW, (4, 8, 16), Lessons(80, 32), (4, 8, 16, 32, 64), together=True, tests=1),
    alone=Experiment("recall", ("AM-SU",), (8,), Lessons(60, 32), tests=1),
    causes=Experiment("recall", tuple(CAUSES), (4, 8, 16), Lessons(80, 32), (16, 64, 256), together=True, tests=1),
    causes_alone=Experiment("recall", ("normalised, slow",), (16,), Lessons(60, 32), tests=1),
    pairs=Experiment(
        "pairs",
        FEW,
        (2, 4),
        Lessons(200),
        together=True,
        tests=1,
        settings=(("keys", 8), ("values", 8)),
    ),
    state=Experiment("pairs", (), (2, 4), Lessons(200), together=True, settings=(("keys", 8), ("values", 8))),
    capacity=Experiment(
        "pairs",
        ("heads of 2", "heads of 8"),
        (2, 4),
        Lessons(200),
        (2, 4, 6),
        together=True,
        tests=1,
        settings=(("keys", 8), ("values", 8)),
    ),
    ablations=Experiment(
        "pairs",
        ("AM-SU", "no token shift"),
        (2, 4),
        Lessons(200),
        together=True,
        tests=1,
        settings=(("keys", 8), ("values", 8)),
    ),
    copying=Experiment("copying", ("LIF", "AM-SU"), (2,), Lessons(80, 32), tests=1, settings=(("delay", 4),)),
    digits=Experiment("digits", ("LIF", "AM-SU"), ("rows",), Lessons(60, 32)),
    bare=(4, 8, 16),
)

_WIDE, _LONG = replace(LAPTOP.frame, dim=128, hidden=512), (*DELAYS, 256, 512, 1024)
PAPER = replace(
    LAPTOP,
    frame=_WIDE,
    retention=replace(LAPTOP.retention, taught=_LONG, asked=(*_LONG, 2048, 4096), lessons=Lessons(4000)),
    alone=replace(LAPTOP.alone, taught=(8, 32, 128), lessons=Lessons(4000)),
    causes=replace(LAPTOP.causes, taught=_LONG, asked=(*_LONG, 2048, 4096), lessons=Lessons(4000)),
    causes_alone=replace(LAPTOP.causes_alone, lessons=Lessons(4000)),
    pairs=replace(LAPTOP.pairs, lessons=Lessons(6000)),
    state=replace(LAPTOP.state, lessons=Lessons(4000)),
    capacity=replace(
        LAPTOP.capacity, lessons=Lessons(6000), contestants=tuple(f"heads of {d}" for d in (4, 8, 16, 32))
    ),
    ablations=replace(LAPTOP.ablations, lessons=Lessons(6000)),
    copying=replace(LAPTOP.copying, lessons=Lessons(4000)),
    digits=replace(LAPTOP.digits, lessons=Lessons(3000)),
    bare=(4, 8, 16, 32, 64, 128),
)

PLANS = {"ci": CI, "laptop": LAPTOP, "paper": PAPER}
