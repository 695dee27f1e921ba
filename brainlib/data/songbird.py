"""Songbird: neurons of the premotor nucleus HVC of a zebra finch that sings, seen by their calcium."""

import numpy as np

from .doors import locate
from .errors import DataError
from .formats import load_matlab
from .trials import Trials

FRAMES_A_SECOND = 30
SHAPE = (75, 666)  # neurons, frames


def songbird() -> Trials:
    """One trial of 75 neurons and 666 frames at 30 Hz, 1 where a neuron has an event and else 0.

    The 3,336 events are deconvolved from calcium imaging, not measured by electrodes: an event is where the estimated
    activity is above zero, so its time is that of a frame, and it may stand for one spike or for a burst. Chapter
    chapters/brainstates/03_recordings reads it; `print(locate("MackeviciusData.mat"))` tells the licence and the
    citation. Needs scipy. Raises `DataError` if the file is damaged, and what `locate` raises.
    """
    path = locate("MackeviciusData.mat").path
    activity = np.asarray(load_matlab(path, "NEURAL"))
    if activity.shape != SHAPE or activity.dtype != np.float64 or not (activity >= 0).all():
        raise DataError(f"{path}: got {activity.dtype} of shape {activity.shape}, expected activity of shape {SHAPE}")
    return Trials.from_sequences([activity.T > 0], 1000 / FRAMES_A_SECOND)
