"""HMM-GLMs on recordings: what chapters/brainstates/03_recordings.ipynb runs at every profile.

`study` (which recordings, cut how, and which models), `samples` (a recording in pieces, with blocks of time to hold
out), `fits` (every model fitted once to what is left, and its held-out likelihood), `comparison` (which is best),
`anatomy` (wiring against the distance between electrodes), `waves` (states against bursts, and where the neurons of a
state lie), `behaviour` (states against running and resting), `checks` (does the model look like the recording).
"""

from brainlib.brainstates.experiments.recordings.anatomy import Anatomy, by_electrode, follow_distance, wirings
from brainlib.brainstates.experiments.recordings.behaviour import by_chance, information, label
from brainlib.brainstates.experiments.recordings.checks import intervals, rescaled, simulated
from brainlib.brainstates.experiments.recordings.comparison import best, favourites, gains, interval, lead, numbers
from brainlib.brainstates.experiments.recordings.fits import Fits, held_out_table
from brainlib.brainstates.experiments.recordings.samples import Sample, read
from brainlib.brainstates.experiments.recordings.study import STUDIES, Setting, Study
from brainlib.brainstates.experiments.recordings.waves import (
    bursts,
    decode,
    nearness,
    quiet_to_busy,
    state_rates,
    wave_state,
)

__all__ = [
    "STUDIES",
    "Anatomy",
    "Fits",
    "Sample",
    "Setting",
    "Study",
    "best",
    "bursts",
    "by_chance",
    "by_electrode",
    "decode",
    "favourites",
    "follow_distance",
    "gains",
    "held_out_table",
    "information",
    "interval",
    "intervals",
    "label",
    "lead",
    "nearness",
    "numbers",
    "quiet_to_busy",
    "read",
    "rescaled",
    "simulated",
    "state_rates",
    "wave_state",
    "wirings",
]
