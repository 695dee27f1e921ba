"""Which memories the chapter on memory compares, by name: each a change to one common frame.

`MECHANISMS` are different memories of equal numbers of parameters, `ABLATIONS` and `CAUSES` are the unit with one
thing changed and all else as it was; "heads of d" cuts the same channels into smaller or larger matrices.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from brainlib.astrosnn import AMSUConfig, AstroSNN, AstroSNNConfig, matched
from chapters.astrosnn.tasks import Task


@dataclass(frozen=True)
class Change:
    """What a model has instead: another mixer, other switches of the unit, other parts of the frame.

    `as_much_state`: it is widened until it keeps at least as many numbers of its past as the unit, and then has more
    parameters than the unit; else it is `matched` in parameters.
    """

    mixer: str = "amsu"
    unit: dict[str, Any] = field(default_factory=dict)
    frame: dict[str, Any] = field(default_factory=dict)
    as_much_state: bool = False


MECHANISMS = {
    "LIF": Change("lif"),
    "PLIF": Change("plif"),
    "ALIF": Change("alif"),
    "calcium": Change("calcium"),
    "AM-SU": Change(),
    "AM-SU, gated": Change(unit={"astrocyte": "gated"}),
    "AM-SU, delta": Change(unit={"astrocyte": "delta"}),
    "SpikeGPT": Change("spikegpt"),
    "RWKV": Change("rwkv"),
    "GRU": Change("gru"),
    "transformer": Change("attention"),
}
AS_MUCH_STATE = {
    f"{name}, as much state": replace(MECHANISMS[name], as_much_state=True) for name in ("PLIF", "calcium", "GRU")
}

SHORT = 5.0  # n of the slowest decay 1 - 2^-n of "fast" units: 32 tokens
CAUSES = {
    "normalised, slow": Change(),
    "normalised, fast": Change(unit={"slowest": SHORT}),
    "raw, slow": Change(unit={"normalised": False}),
    "raw, fast": Change(unit={"normalised": False, "slowest": SHORT}),
}
ABLATIONS = {
    "AM-SU": Change(),
    "no astrocyte": Change(unit={"astrocyte": "none"}),
    "calcium astrocyte": Change(unit={"astrocyte": "calcium"}),
    "gated decay": Change(unit={"astrocyte": "gated"}),
    "delta rule": Change(unit={"astrocyte": "delta"}),
    "o into the membrane": Change(unit={"injection": "membrane"}),
    "soft reset": Change(unit={"reset": "soft"}),
    "no reset": Change(unit={"reset": "none"}),
    "sigmoid input": Change(unit={"input": "sigmoid"}),
    "raw o": Change(unit={"normalised": False}),
    "fast decays": Change(unit={"slowest": SHORT}),
    "elu features": Change(unit={"features": "elu"}),
    "no token shift": Change(frame={"token_shift": False}),
}
ALL = MECHANISMS | AS_MUCH_STATE | CAUSES | ABLATIONS


def model_config(name: str, frame: AstroSNNConfig, task: Task) -> AstroSNNConfig:
    """The model `name` in `frame`, with what `task` reads and asks for.

    "heads of 8" is the unit with its channels cut into heads of size 8. The names in `ABLATIONS` and `CAUSES` keep all
    sizes of the frame, also where they have fewer parameters then. Raises `ValueError` for another name.
    """
    frame = replace(frame, vocab=task.vocab, inputs=task.inputs, outputs=task.outputs, mixer="amsu")
    if name.startswith("heads of "):
        return replace(frame, heads=frame.dim // int(name.removeprefix("heads of ")))
    if name not in ALL:
        raise ValueError(f"name: got {name!r}, expected 'heads of ...' or one of {', '.join(ALL)}")
    change = ALL[name]
    changed = replace(frame, **change.frame)
    if change.unit:
        changed = replace(changed, unit=replace(frame.unit or AMSUConfig(frame.dim), **change.unit))
    if change.as_much_state:
        return as_much_state(changed, change.mixer)
    if name not in MECHANISMS:
        return changed
    return matched(replace(changed, unit=frame.unit), change.mixer) if change.mixer != "amsu" else changed


def as_much_state(frame: AstroSNNConfig, mixer: str) -> AstroSNNConfig:
    """The frame around another mixer, whose state is so many numbers a channel, as narrow as it can be with at least as
    much state; its feed-forward keeps its hidden neurons."""
    wide = replace(frame, mixer=mixer, hidden=frame.hidden_size)
    a_head = AstroSNN(replace(wide, dim=wide.heads)).state_size(1)  # with one channel each
    needed = AstroSNN(frame).state_size(1)
    return replace(wide, dim=wide.heads * -(-needed // a_head))
