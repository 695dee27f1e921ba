"""What an animal did, told from where it was and from no spike; and how much of that a path of states tells."""

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from brainlib.brainstates.evaluation.bins import same_shape
from brainlib.data import Hippocampus

UNSEEN, REST, PAUSE, RUN = -1, 0, 1, 2
RUN_PX = 20.0  # a second, and the animal runs: it reaches 100 and more on the track


def label(recording: Hippocampus, times_s: Float64[Tensor, " times"]) -> Int64[Tensor, " times"]:
    """`REST` is our word for all that comes after the light was last seen, off the track. Before that `RUN` where the
    light is fast, else `PAUSE`; `UNSEEN` where there is no speed.
    """
    last = recording.places_px.isfinite().all(-1).nonzero()[-1, 0]
    speed = recording.speed(times_s)
    track = torch.where(speed.isnan(), UNSEEN, torch.where(speed >= RUN_PX, RUN, PAUSE))
    return torch.where(times_s > recording.frames_s[last], REST, track)


def information(path: Int64[Tensor, "pieces time"], behaviour: Int64[Tensor, "pieces time"]) -> float:
    """The share of what there is to know about behaviour in a bin that the state of the bin tells: their mutual
    information over the entropy of behaviour, from 0 to 1. Bins in which behaviour is `UNSEEN` are left out.

    Raises `ValueError` for shapes that differ and behaviour that never changes. Used in
    chapters/brainstates/03_recordings.
    """
    same_shape(path=path, behaviour=behaviour)
    seen = behaviour != UNSEEN
    path, behaviour = path[seen], behaviour[seen]
    if len(behaviour.unique()) < 2:
        raise ValueError("behaviour: got the same in all bins, expected two kinds at least")
    columns = int(behaviour.max()) + 1
    joint = torch.bincount(path * columns + behaviour).double()
    joint = torch.nn.functional.pad(joint, (0, -len(joint) % columns)).view(-1, columns) / len(path)
    both, state, done = (-torch.special.xlogy(p, p).sum() for p in (joint, joint.sum(1), joint.sum(0)))
    return float((state + done - both) / done)


def by_chance(path: Int64[Tensor, "pieces time"], behaviour: Int64[Tensor, "pieces time"]) -> float:
    """The same where every piece's path is laid beside the behaviour of another piece, mean over all shifts: what
    chance, and the way both change within a piece, would give. Used in chapters/brainstates/03_recordings.

    Raises `ValueError` as `information`, and for a single piece.
    """
    if len(path) < 2:
        raise ValueError(f"path: got {len(path)} pieces, expected 2 at least")
    found = [information(path, behaviour.roll(shift, 0)) for shift in range(1, len(path))]
    return sum(found) / len(found)
