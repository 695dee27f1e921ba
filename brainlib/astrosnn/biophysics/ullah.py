"""The calcium and IP3 of one astrocyte: the equations of Ullah and colleagues with the constants of Gordleeva's code.

Glutamate makes IP3 (inositol trisphosphate); IP3 opens channels of the endoplasmic reticulum, a store inside the cell,
and calcium rushes out of it; calcium first opens these channels further, then shuts their gate h; pumps restore it.

    dCa/dt  = J_ER - J_pump + J_leak + J_in - J_out
    dh/dt   = a2 (Q2 + Ca) (Q2 / (Q2 + Ca) - h)
    dIP3/dt = tau_r (IP3* - IP3) + J_PLC + J_glu

    J_ER   = c1 v1 m^3 n^3 h^3 ((c0 - Ca) / c1 - Ca),   m = IP3 / (IP3 + d1),   n = Ca / (Ca + d5)
    J_leak = c1 v2 ((c0 - Ca) / c1 - Ca),   J_pump = v3 Ca^2 / (Ca^2 + k3^2)
    J_in   = v6 IP3^2 / (k2^2 + IP3^2),     J_out  = k1 Ca
    J_PLC  = v4 (Ca + (1 - a) k4) / (Ca + k4),   Q2 = d2 (IP3 + d1) / (IP3 + d3)

Concentrations in micromolar, time in seconds. One cell: the terms for diffusion to its neighbours are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from brainlib.extras import extra


@dataclass(frozen=True)
class Constants:
    """The constants of the equations, under their names there; the defaults are those of Gordleeva's code."""

    c0: float = 2.0  # micromolar, all calcium of the cell over its cytosol
    c1: float = 0.185  # volume of the store over that of the cytosol
    v1: float = 6.0  # 1/s, channels that IP3 opens
    v2: float = 0.11  # 1/s, leak of the store
    v3: float = 2.2  # micromolar/s, pump back into the store
    v4: float = 0.3  # micromolar/s, IP3 made on account of calcium
    v6: float = 0.2  # micromolar/s, influx from outside
    k1: float = 0.5  # 1/s, outflow
    k2: float = 1.0  # micromolar
    k3: float = 0.1  # micromolar
    k4: float = 1.1  # micromolar
    d1: float = 0.13  # micromolar
    d2: float = 1.049  # micromolar
    d3: float = 0.9434  # micromolar
    d5: float = 0.082  # micromolar
    a: float = 0.8
    a2: float = 0.14  # 1/(s micromolar), the gate
    tau_r: float = 0.14  # 1/s, clearance of IP3 (a rate, whatever its name says)
    ip3_star: float = 0.16  # micromolar


GORDLEEVA = Constants()
LIKELY = (0.07, 0.89, 0.7)  # near the state of rest, where the search for it begins


class Pulse(NamedTuple):
    """Glutamate that makes IP3 from `start` for `duration` seconds, at `strength` micromolar/s (5 in Gordleeva's code,
    for at least 0.06 s)."""

    start: float
    duration: float
    strength: float = 5.0


class Course(NamedTuple):
    """What `simulate` returns: `time` in seconds, `calcium` and `ip3` in micromolar, the `gate` between 0 and 1."""

    time: Float[np.ndarray, "points"]
    calcium: Float[np.ndarray, "points"]
    gate: Float[np.ndarray, "points"]
    ip3: Float[np.ndarray, "points"]


def rates(
    state: Float[np.ndarray, "3"], glutamate: float = 0.0, constants: Constants = GORDLEEVA
) -> Float[np.ndarray, "3"]:
    """d/dt of (Ca, h, IP3), per second; `glutamate` is J_glu in micromolar/s."""
    p = constants
    calcium, gate, ip3 = state
    gradient = (p.c0 - calcium) / p.c1 - calcium
    opened = ip3 / (ip3 + p.d1) * calcium / (calcium + p.d5) * gate
    release = p.c1 * p.v1 * opened**3 * gradient
    leak = p.c1 * p.v2 * gradient
    pump = p.v3 * calcium**2 / (calcium**2 + p.k3**2)
    influx = p.v6 * ip3**2 / (p.k2**2 + ip3**2)
    made = p.v4 * (calcium + (1 - p.a) * p.k4) / (calcium + p.k4)
    q2 = p.d2 * (ip3 + p.d1) / (ip3 + p.d3)
    return np.array(
        [
            release - pump + leak + influx - p.k1 * calcium,
            p.a2 * (q2 + calcium) * (q2 / (q2 + calcium) - gate),
            p.tau_r * (p.ip3_star - ip3) + made + glutamate,
        ]
    )


def resting_state(constants: Constants = GORDLEEVA) -> Float[np.ndarray, "3"]:
    """(Ca, h, IP3) at which nothing changes without glutamate.

    Raises `ValueError` if the constants have no such state near that of Gordleeva's.
    """
    with extra("notebook"):
        from scipy.optimize import root

    found = root(rates, LIKELY, args=(0.0, constants))
    if not found.success or min(found.x) < 0:
        raise ValueError(f"constants: got {constants}, expected ones with a state of rest: {found.message}")
    return found.x


def simulate(
    pulses: Sequence[Pulse], duration: float, *, step: float = 0.01, constants: Constants = GORDLEEVA
) -> Course:
    """The astrocyte from rest for `duration` seconds, while it hears the pulses; sampled every `step` seconds.

    Pulses that overlap add up. LSODA integrates from one edge of a pulse to the next, so that none is stepped over.
    Raises `ValueError` for a pulse that is empty, negative or not within the duration, and for a step that is not
    positive or longer than the duration. Used in chapters/astrosnn/01_tripartite_synapse.
    """
    with extra("notebook"):
        from scipy.integrate import solve_ivp

    if not 0 < step <= duration < np.inf:
        raise ValueError(f"step, duration: got {step}, {duration}, expected 0 < step <= duration, in seconds")
    for pulse in pulses:
        if not (pulse.start >= 0 and pulse.duration > 0 and pulse.start + pulse.duration <= duration):
            raise ValueError(f"pulses: got {pulse}, expected one that lasts, within 0 to {duration} s")
        if not 0 <= pulse.strength < np.inf:
            raise ValueError(f"pulses: got a strength of {pulse.strength}, expected one of at least 0 micromolar/s")
    time = step * np.arange(int(duration / step + 1e-9) + 1)
    edges = np.unique([0.0, *(edge for p in pulses for edge in (p.start, p.start + p.duration)), time[-1]])
    states = np.empty((3, len(time)))
    state = states[:, 0] = resting_state(constants)
    for start, end in pairwise(edges):
        middle = (start + end) / 2
        glutamate = sum((p.strength for p in pulses if p.start < middle < p.start + p.duration), 0.0)
        within = (time > start) & (time <= end)
        solved = solve_ivp(
            lambda _, x, glutamate=glutamate: rates(x, glutamate, constants),
            (start, end), state, method="LSODA", t_eval=np.append(time[within & (time < end)], end),
            rtol=1e-8, atol=1e-10,
        )  # fmt: skip
        states[:, within] = solved.y[:, : within.sum()]
        state = solved.y[:, -1]
    return Course(time, *states)
