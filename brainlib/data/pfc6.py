"""Rats in a maze: neurons of the medial prefrontal cortex, from a reader's own copy of the data set CRCNS pfc-6."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from .errors import DataError, DataUnavailable
from .recording import bin_spikes
from .trials import Trials

BIN_MS = 20.0
BEFORE_S, AFTER_S = 5.0, 10.0  # around the start of a trial: 750 bins
CITATION = (
    "Peyrache, Khamassi, Benchenane, Wiener and Battaglia (2018), Activity of neurons in rat medial prefrontal cortex "
    "during learning and sleep, CRCNS.org; Peyrache et al., Nature Neuroscience 2009, doi 10.1038/nn.2337"
)


@dataclass(frozen=True, eq=False)
class MazeTrials:
    """Trials of one session, each from 5 s before its start to 10 s after it, and what the rat did in them.

    `duration_s` is from the start of a trial to its end, which may come before or after the last bin. `rule` is 1 for
    right, 2 for light, 3 for left, 4 for dark. `source` is what to cite.
    """

    trials: Trials
    duration_s: Float64[Tensor, " trials"]
    rule: Int64[Tensor, " trials"]
    correct: Bool[Tensor, " trials"]
    went_left: Bool[Tensor, " trials"]
    light_left: Bool[Tensor, " trials"]
    source: str


def pfc6(folder: str | Path, session: str = "200104") -> MazeTrials:
    """A session of CRCNS pfc-6 in bins of 20 ms, 750 a trial, as in the paper "One-hot Generalized Linear Model".

    The data cannot be passed on: a reader with an account at crcns.org unpacks them into `folder`, where a session is
    a folder of tables without a head. `200104/200104_SpikeData.dat` has a spike a line: its time in ms and the number
    of its neuron. `200104/200104_Behavior.dat` has a trial a line: start and end in ms, rule, whether the choice was
    correct, whether it was left, whether the light was left. Chapter chapters/brainstates/03_recordings reads it if it
    is there.
    Raises `ValueError` if the folder does not exist, `DataUnavailable` if it lacks the files, and `DataError` if one
    is not of this form.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise ValueError(f"folder: got {str(folder)!r}, expected a folder that exists")
    paths = [folder / session / f"{session}_{table}.dat" for table in ("SpikeData", "Behavior")]
    if missing := [str(path) for path in paths if not path.is_file()]:
        raise DataUnavailable(
            f"{', '.join(missing)}: missing. Make an account at https://crcns.org, get pfc-6 from "
            f"https://crcns.org/data-sets/pfc/pfc-6 and unpack it there. To be cited: {CITATION}."
        )
    spikes, behaviour = (_table(path, columns) for path, columns in zip(paths, (2, 6), strict=True))

    neuron = _whole(paths[0], spikes[:, 1])
    seconds = spikes[:, 0] / 1000
    times = [seconds[neuron == number] for number in np.unique(neuron)]
    starts, ends = behaviour[:, 0] / 1000, behaviour[:, 1] / 1000
    if (ends <= starts).any():
        raise DataError(f"{paths[1]}: a trial ends before it starts")
    rule, *answers = (_whole(paths[1], column) for column in behaviour[:, 2:].T)
    if not np.isin(rule, (1, 2, 3, 4)).all() or not np.isin(answers, (0, 1)).all():
        raise DataError(f"{paths[1]}: expected rules from 1 to 4, and 0 or 1 for correct, left and light")
    counts = [bin_spikes(times, BIN_MS, start - BEFORE_S, start + AFTER_S) for start in starts.tolist()]
    return MazeTrials(
        Trials.from_sequences(counts, BIN_MS),
        torch.from_numpy(ends - starts),
        torch.from_numpy(rule),
        *(torch.from_numpy(answer == 1) for answer in answers),
        source=CITATION,
    )


def _table(path: Path, columns: int) -> np.ndarray:
    try:
        with warnings.catch_warnings(action="ignore"):  # of an empty file
            table = np.loadtxt(path, ndmin=2)
    except ValueError as error:
        raise DataError(f"{path}: not a table of numbers ({error})") from error
    if table.shape[1:] != (columns,) or not len(table) or not np.isfinite(table).all():
        raise DataError(f"{path}: got a table of shape {table.shape}, expected finite numbers in {columns} columns")
    return table


def _whole(path: Path, column: np.ndarray) -> np.ndarray:
    if (column != np.round(column)).any():
        raise DataError(f"{path}: got a number with a fraction, expected whole numbers")
    return column.astype(np.int64)
