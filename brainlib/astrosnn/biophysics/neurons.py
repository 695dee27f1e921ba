"""The neurons that an astrocyte listens to: a zone of fast-spiking Izhikevich neurons and the glutamate they release.

    dV/dt = 0.04 V^2 + 5 V + 140 - U + I,   dU/dt = 0.1 (0.2 V - U)      (ms, mV; a spike at 30 mV: V = -65, U += 2)
    dG/dt = -10 G + 600 [spike]                                           (s)

As in Gordleeva's code, by Euler's method in steps of 0.1 ms: a spike lasts one step and releases 600 * 0.1 ms = 0.06.
There an astrocyte makes IP3 for 60 ms whenever 8 of its 16 neurons have a glutamate of at least 0.7. Neurons do not
talk to each other here; each hears its own current.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from brainlib.astrosnn.biophysics.ullah import Pulse

STEP = 1e-4  # s
SPIKE, RESET, JUMP = 30.0, -65.0, 2.0  # mV, mV, and what a spike adds to U
REST = -70.0  # mV, before any current
CLEARED, RELEASED = 10.0, 600.0  # 1/s
GLUTAMATE, ACTIVE, HEARD = 0.7, 8, 0.06  # threshold, neurons above it, seconds for which the astrocyte then makes IP3


class Zone(NamedTuple):
    """What `stimulate` returns: `time` in seconds, each neuron's `voltage` in mV and `glutamate`, and the `pulses` that
    reach the astrocyte."""

    time: Float[np.ndarray, "steps"]
    voltage: Float[np.ndarray, "steps neurons"]
    glutamate: Float[np.ndarray, "steps neurons"]
    pulses: list[Pulse]


def stimulate(current: Float[np.ndarray, "neurons"], start: float, end: float, duration: float) -> Zone:
    """Neurons at rest that hear a constant current each, from `start` to `end`, in seconds, of `duration`.

    Raises `ValueError` unless 0 <= start < end <= duration. Used in chapters/astrosnn/01_tripartite_synapse.
    """
    if not 0 <= start < end <= duration:
        raise ValueError(f"start, end, duration: got {start}, {end}, {duration}, expected 0 <= start < end <= duration")
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
            pulses[-1] = pulses[-1]._replace(duration=moment + HEARD - pulses[-1].start)
        else:
            pulses.append(Pulse(moment, HEARD))
    return pulses
