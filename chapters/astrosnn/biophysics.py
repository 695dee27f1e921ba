"""The astrocyte of physiology, in seconds and micromolar: its calcium and IP3, and the neurons that release glutamate.

It is not the paper's model. It is here to ask what a slow astrocyte's decay, gamma in `brainlib.astrosnn`, could stand
for. The equations are those of Ullah and colleagues with the constants of Gordleeva's code. Glutamate makes IP3
(inositol trisphosphate); IP3 opens channels of the endoplasmic reticulum, a store inside the cell, and calcium rushes
out of it; calcium first opens these channels further, then shuts their gate h; pumps restore it.

    dCa/dt  = J_ER - J_pump + J_leak + J_in - J_out
    dh/dt   = a2 (Q2 + Ca) (Q2 / (Q2 + Ca) - h)
    dIP3/dt = tau_r (IP3* - IP3) + J_PLC + J_glu

    J_ER   = c1 v1 m^3 n^3 h^3 ((c0 - Ca) / c1 - Ca),   m = IP3 / (IP3 + d1),   n = Ca / (Ca + d5)
    J_leak = c1 v2 ((c0 - Ca) / c1 - Ca),   J_pump = v3 Ca^2 / (Ca^2 + k3^2)
    J_in   = v6 IP3^2 / (k2^2 + IP3^2),     J_out  = k1 Ca
    J_PLC  = v4 (Ca + (1 - a) k4) / (Ca + k4),   Q2 = d2 (IP3 + d1) / (IP3 + d3)

Concentrations in micromolar, time in seconds. One cell: the terms for diffusion to its neighbours are left out.

The neurons beside it are fast-spiking Izhikevich neurons:

    dV/dt = 0.04 V^2 + 5 V + 140 - U + I,   dU/dt = 0.1 (0.2 V - U)      (ms, mV; a spike at 30 mV: V = -65, U += 2)
    dG/dt = -10 G + 600 [spike]                                           (s)

As in Gordleeva's code, by Euler's method in steps of 0.1 ms: a spike lasts one step and releases 600 * 0.1 ms = 0.06.
There an astrocyte makes IP3 for 60 ms whenever 8 of its 16 neurons have a glutamate of at least 0.7. Neurons do not
talk to each other here; each hears its own current.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.integrate import solve_ivp
from scipy.optimize import root

# Gordleeva's, under their names in the equations: per second (v1, v2, k1, a2 per micromolar, tau_r), micromolar per
# second (v3, v4, v6), of volumes (c1: the store over the cytosol) and micromolar.
C0, C1, A, A2, TAU_R, IP3_STAR = 2.0, 0.185, 0.8, 0.14, 0.14, 0.16
V1, V2, V3, V4, V6 = 6.0, 0.11, 2.2, 0.3, 0.2
K1, K2, K3, K4 = 0.5, 1.0, 0.1, 1.1
D1, D2, D3, D5 = 0.13, 1.049, 0.9434, 0.082
LIKELY = (0.07, 0.89, 0.7)  # near the state of rest, where the search for it begins

SAMPLE, STEP = 0.01, 1e-4  # s, of the astrocyte's course and of the neurons' steps
SPIKE, RESET, JUMP = 30.0, -65.0, 2.0  # mV, mV, and what a spike adds to U
REST = -70.0  # mV, before any current
CLEARED, RELEASED = 10.0, 600.0  # 1/s
GLUTAMATE, ACTIVE, LASTING = 0.7, 8, 0.06  # threshold, neurons above it, seconds for which the astrocyte then makes IP3


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


def rates(state: Float[np.ndarray, "3"], glutamate: float = 0.0) -> Float[np.ndarray, "3"]:
    """d/dt of (Ca, h, IP3), per second; `glutamate` is J_glu in micromolar/s."""
    calcium, gate, ip3 = state
    gradient = (C0 - calcium) / C1 - calcium
    opened = ip3 / (ip3 + D1) * calcium / (calcium + D5) * gate
    release, leak = C1 * V1 * opened**3 * gradient, C1 * V2 * gradient
    pump = V3 * calcium**2 / (calcium**2 + K3**2)
    influx = V6 * ip3**2 / (K2**2 + ip3**2)
    made = V4 * (calcium + (1 - A) * K4) / (calcium + K4)
    q2 = D2 * (ip3 + D1) / (ip3 + D3)
    return np.array(
        [
            release - pump + leak + influx - K1 * calcium,
            A2 * (q2 + calcium) * (q2 / (q2 + calcium) - gate),
            TAU_R * (IP3_STAR - ip3) + made + glutamate,
        ]
    )


def resting_state() -> Float[np.ndarray, "3"]:
    """(Ca, h, IP3) at which nothing changes without glutamate."""
    return root(rates, LIKELY).x


def simulate(pulses: Sequence[Pulse], duration: float) -> Course:
    """The astrocyte from rest for `duration` seconds, while it hears pulses that lie within; sampled every 0.01 s.

    Pulses that overlap add up. LSODA integrates from one edge of a pulse to the next, so that none is stepped over.
    """
    time = SAMPLE * np.arange(int(duration / SAMPLE + 1e-9) + 1)
    edges = np.unique([0.0, *(edge for p in pulses for edge in (p.start, p.start + p.duration)), time[-1]])
    states = np.empty((3, len(time)))
    state = states[:, 0] = resting_state()
    for start, end in pairwise(edges):
        middle, within = (start + end) / 2, (time > start) & (time <= end)
        glutamate = sum((p.strength for p in pulses if p.start < middle < p.start + p.duration), 0.0)
        sampled = np.append(time[within & (time < end)], end)
        options = {"method": "LSODA", "t_eval": sampled, "rtol": 1e-8, "atol": 1e-10}
        solved = solve_ivp(lambda _, x, glutamate=glutamate: rates(x, glutamate), (start, end), state, **options)
        states[:, within] = solved.y[:, : within.sum()]
        state = solved.y[:, -1]
    return Course(time, *states)


class Zone(NamedTuple):
    """What `stimulate` returns: `time` in seconds, each neuron's `voltage` in mV and `glutamate`, and the `pulses` that
    reach the astrocyte."""

    time: Float[np.ndarray, "steps"]
    voltage: Float[np.ndarray, "steps neurons"]
    glutamate: Float[np.ndarray, "steps neurons"]
    pulses: list[Pulse]


def stimulate(current: Float[np.ndarray, "neurons"], start: float, end: float, duration: float) -> Zone:
    """Neurons at rest that hear a constant current each, from `start` to `end`, in seconds, of `duration`."""
    steps = round(duration / STEP)
    time = STEP * np.arange(steps)
    v, u, g = np.full(len(current), REST), np.full(len(current), 0.2 * REST), np.zeros(len(current))
    voltage, glutamate = np.empty((steps, len(current))), np.empty((steps, len(current)))
    for step in range(steps):
        fired = v >= SPIKE
        v = np.where(fired, RESET, v)
        u = u + JUMP * fired
        drive = current if start <= time[step] < end else 0.0
        v = np.minimum(v + 1e3 * STEP * (0.04 * v**2 + 5 * v + 140 + drive - u), SPIKE)
        u = u + 1e3 * STEP * 0.1 * (0.2 * v - u)
        g = g + STEP * (RELEASED * (v >= SPIKE) - CLEARED * g)
        voltage[step], glutamate[step] = v, g
    return Zone(time, voltage, glutamate, _pulses(time, (glutamate >= GLUTAMATE).sum(1) >= ACTIVE))


def _pulses(time: np.ndarray, active: np.ndarray) -> list[Pulse]:
    """One pulse for each stretch in which the astrocyte hears enough neurons, 60 ms longer than that."""
    pulses: list[Pulse] = []
    for moment in time[active].tolist():
        if pulses and moment <= pulses[-1].start + pulses[-1].duration:
            pulses[-1] = pulses[-1]._replace(duration=moment + LASTING - pulses[-1].start)
        else:
            pulses.append(Pulse(moment, LASTING))
    return pulses
