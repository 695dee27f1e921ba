"""The chapter on memory at every profile: which experiments, at which sizes.

At `laptop` a run of the chapter at one seed trains the networks of that seed, so that seeds can run side by side; three
seeds take an hour of one core. `ci` trains three small networks for each claim that it asserts. The paper's sizes could
not be read: `paper` is `laptop` with wider networks, longer training and longer delays, for a GPU.
"""

from dataclasses import dataclass, replace

from brainlib.astrosnn import AstroSNNConfig
from chapters.astrosnn.memory import Experiment
from chapters.astrosnn.networks import ABLATIONS, CAUSES

SCALAR = ("LIF", "PLIF", "ALIF", "calcium")  # one slow number a neuron at the most
FIELD = ("SpikeGPT", "RWKV", "GRU", "transformer")
MECHANISMS = (*SCALAR, "AM-SU", "AM-SU, gated", "AM-SU, delta", *FIELD)
AS_MUCH_STATE = ("PLIF, as much state", "calcium, as much state", "GRU, as much state")
ORDERS = ("rows", "pixels", "permuted")


@dataclass(frozen=True)
class Plan:
    """All that the chapter trains. `networks` a run: seeds `seed * networks` to `(seed + 1) * networks - 1`.

    - `frame`: the unit's sizes; models are matched to it.
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

    @property
    def experiments(self) -> dict[str, Experiment]:
        """All of them, by name."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Experiment)}


DELAYS = (4, 8, 16, 32, 64, 128)
FARTHER = (*DELAYS, 256, 512)
HEADS = ("heads of 4", "heads of 8", "heads of 16", "heads of 24")
COPIED = ("LIF", "PLIF", "calcium", "AM-SU", "GRU", "RWKV", "transformer")

LAPTOP = Plan(
    networks=1,
    frame=AstroSNNConfig(dim=48, heads=4, hidden=96),
    retention=Experiment("recall", MECHANISMS, DELAYS, 800, 32, FARTHER, together=True),
    alone=Experiment("recall", MECHANISMS, (8, 32), 600, 32),
    causes=Experiment("recall", tuple(CAUSES), DELAYS, 400, 32, FARTHER, together=True),
    causes_alone=Experiment("recall", tuple(CAUSES), (32, 128), 400, 32),
    pairs=Experiment("pairs", MECHANISMS, (2, 4, 8), 1500, test_values=(2, 4, 8, 12), together=True),
    state=Experiment("pairs", ("AM-SU", *AS_MUCH_STATE), (2, 4), 800, together=True),
    capacity=Experiment("pairs", HEADS, (4, 8, 16), 1500, test_values=(2, 4, 8, 12, 16, 24), together=True),
    ablations=Experiment("pairs", tuple(ABLATIONS), (2, 4, 8), 800, together=True),
    copying=Experiment("copying", COPIED, (4, 8), 800, 32, (4, 8, 12), together=True, settings=(("delay", 16),)),
    digits=Experiment("digits", ("LIF", "PLIF", "calcium", "AM-SU", "GRU", "RWKV"), ORDERS, 400, 32),
    bare=(4, 8, 16, 32, 64),
)

FEW = ("LIF", "PLIF", "calcium", "AM-SU")
RECALL = {"steps": 80, "batch": 32, "together": True, "tests": 1}
FEW_PAIRS = Experiment("pairs", FEW, (2, 4), 200, together=True, tests=1, settings=(("keys", 8), ("values", 8)))
CI = Plan(
    networks=3,
    frame=AstroSNNConfig(dim=32, heads=4, hidden=32),
    retention=Experiment("recall", FEW, (4, 8, 16), test_values=(4, 8, 16, 32, 64), **RECALL),
    alone=Experiment("recall", ("AM-SU",), (8,), 60, 32, tests=1),
    causes=Experiment("recall", tuple(CAUSES), (4, 8, 16), test_values=(16, 64, 256), **RECALL),
    causes_alone=Experiment("recall", ("normalised, slow",), (16,), 60, 32, tests=1),
    pairs=FEW_PAIRS,
    state=replace(FEW_PAIRS, models=()),
    capacity=replace(FEW_PAIRS, models=("heads of 2", "heads of 8"), test_values=(2, 4, 6)),
    ablations=replace(FEW_PAIRS, models=("AM-SU", "no token shift")),
    copying=Experiment("copying", ("LIF", "AM-SU"), (2,), 80, 32, tests=1, settings=(("delay", 4),)),
    digits=Experiment("digits", ("LIF", "AM-SU"), ("rows",), 60, 32),
    bare=(4, 8, 16),
)

_LONG = (*DELAYS, 256, 512, 1024)
_LONGER = {"values": _LONG, "test_values": (*_LONG, 2048, 4096), "steps": 4000, "batch": 64}
PAPER = replace(
    LAPTOP,
    frame=replace(LAPTOP.frame, dim=128, hidden=512),
    retention=replace(LAPTOP.retention, **_LONGER),
    alone=replace(LAPTOP.alone, values=(8, 32, 128), steps=4000, batch=64),
    causes=replace(LAPTOP.causes, **_LONGER),
    causes_alone=replace(LAPTOP.causes_alone, steps=4000, batch=64),
    pairs=replace(LAPTOP.pairs, steps=6000),
    state=replace(LAPTOP.state, steps=4000),
    capacity=replace(LAPTOP.capacity, steps=6000, models=tuple(f"heads of {d}" for d in (4, 8, 16, 32))),
    ablations=replace(LAPTOP.ablations, steps=6000),
    copying=replace(LAPTOP.copying, steps=4000, batch=64),
    digits=replace(LAPTOP.digits, steps=3000, batch=64),
    bare=(4, 8, 16, 32, 64, 128),
)

PLANS = {"ci": CI, "laptop": LAPTOP, "paper": PAPER}
