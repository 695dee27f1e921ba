"""The scan compiled by numba: a thread takes a tile of channels of one sequence through all tokens.

What belongs to a tile lies in rows of one flat array, at constant distances: the compiler then sees that writing one
row leaves the others alone, and takes as many channels at once as a vector holds.
"""

from typing import no_type_check

import numba
import numpy as np
import torch
from torch import Tensor

from brainlib.astrosnn.kernels.lif.surrogates import resolve_slope
from brainlib.backend import torch_threads
from brainlib.jit import njit

STEPS = 16  # tokens that are computed again at once
WIDTH = 512  # channels of a tile
W, L, M, C, D_W, D_L = (row * WIDTH for row in range(6))  # rows of a tile: weight, decay, m, c, and two gradients
SLOW, MARGIN, FIRED = (row * WIDTH for row in range(3))  # rows of its history at a token: c, z and then g(z), s
SURROGATES = {"atan": 0, "qgate": 1, "sigmoid": 2, "fast_sigmoid": 3}


def forward(current, weight, decay, membrane, slow, outputs, beta, threshold, reset, injection) -> None:
    """Writes the spikes, m_T and c_{T+1}, and m and c before every `STEPS`th token [B, ceil(T / STEPS), D]."""
    arrays = current, weight, decay, membrane, slow, *outputs
    with torch_threads():
        _forward(*(t.numpy() for t in arrays), *numbers(beta, threshold, reset, injection))


def backward(
    d_spikes, d_membrane, d_slow, current, weight, decay, kept_membrane, kept_slow,
    beta, threshold, reset, injection, surrogate,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """The gradients at the current, the weight, the decay, m_0 and c_1."""
    B, _, D = current.shape
    d_spikes = current.new_zeros(1, 1, D).expand(current.shape) if d_spikes is None else d_spikes
    d_membrane, d_slow = (current.new_zeros(B, D) if d is None else d.clone() for d in (d_membrane, d_slow))
    d_current, d_weight, d_decay = torch.empty_like(current), torch.empty_like(d_slow), torch.empty_like(d_slow)
    arrays = (d_spikes, current, weight, decay, kept_membrane, kept_slow)
    gradients = (d_current, d_weight, d_decay, d_membrane, d_slow)
    options = *numbers(beta, threshold, reset, injection), SURROGATES[surrogate], resolve_slope(surrogate, None)
    with torch_threads():
        _backward(*(t.numpy() for t in arrays + gradients), *options)
    return d_current, d_weight.sum(0), d_decay.sum(0), d_membrane, d_slow


def numbers(beta: float, threshold: float, reset: str, injection: str) -> tuple[float, float, float, float, float]:
    """beta, theta, what a spike takes from the membrane (a share, and so much besides), and whether o enters it."""
    fall = threshold if reset == "soft" else 0.0
    return beta, threshold, float(reset == "hard"), fall, float(injection == "membrane")


@njit()
@no_type_check  # the tests check annotations by wrapping; numba compiles plain functions only
def _fire(tile, x, history, beta, theta, share, fall, inside):
    """A token: m and c are replaced; c before it, z and s go into `history`."""
    zero, one = x.dtype.type(0), x.dtype.type(1)
    for i in range(len(x)):
        c = tile[C + i]
        o = tile[W + i] * c
        u = beta * tile[M + i] + (x[i] + inside * o)
        z = u + (one - inside) * o - theta
        s = one if z >= zero else (zero if zero > z else z)  # NaN stays
        history[SLOW + i], history[MARGIN + i], history[FIRED + i] = c, z, s
        tile[M + i] = (one - share * s) * u - s * fall
        tile[C + i] = tile[L + i] * c + (one - tile[L + i]) * s


@njit()
@no_type_check
def _return(tile, d_s, d_x, history, beta, share, inside):
    """A token back: the gradients at m and c, in their rows, are replaced, those at weight and decay added to."""
    one = d_x.dtype.type(1)
    for i in range(len(d_x)):
        c, s, lam, b = history[SLOW + i], history[FIRED + i], tile[L + i], tile[C + i]
        d_z = (d_s[i] + (one - lam) * b) * history[MARGIN + i]
        d_u = d_z + tile[M + i] * (one - share * s)
        d_o = d_z + inside * (d_u - d_z)
        d_x[i] = d_u
        tile[D_W + i] += d_o * c
        tile[D_L + i] += b * (c - s)
        tile[M + i] = beta * d_u
        tile[C + i] = lam * b + tile[W + i] * d_o


@njit()
@no_type_check
def _differentiate(z, surrogate, slope):
    """z becomes the surrogate's derivative at z."""
    zero, one = z.dtype.type(0), z.dtype.type(1)
    height, width = z.dtype.type(0.5) * slope, z.dtype.type(np.pi / 2) * slope
    if surrogate == 0:
        for i in range(len(z)):
            z[i] = height / (one + width * z[i] * width * z[i])
    elif surrogate == 1:
        for i in range(len(z)):
            z[i] = max(zero, slope - slope * slope * abs(z[i]))
    elif surrogate == 2:
        for i in range(len(z)):
            falling = np.exp(-slope * abs(z[i]))  # symmetric in z, and cannot overflow
            z[i] = slope * falling / ((one + falling) * (one + falling))
    else:
        for i in range(len(z)):
            rise = one + slope * abs(z[i])
            z[i] = one / (rise * rise)


@njit(parallel=True)
@no_type_check
def _forward(
    current, weight, decay, membrane, slow, spikes, last_membrane, last_slow, kept_membrane, kept_slow,
    beta, theta, share, fall, inside,
):  # fmt: skip
    number = current.dtype.type
    beta, theta, share, fall, inside = number(beta), number(theta), number(share), number(fall), number(inside)
    B, T, D = current.shape
    tiles = -(-D // WIDTH)
    for job in numba.prange(B * tiles):
        b, first = job // tiles, job % tiles * WIDTH
        count = min(WIDTH, D - first)
        last = first + count
        tile, history = np.empty(4 * WIDTH, current.dtype), np.empty(3 * WIDTH, current.dtype)
        tile[W : W + count], tile[L : L + count] = weight[first:last], decay[first:last]
        tile[M : M + count], tile[C : C + count] = membrane[b, first:last], slow[b, first:last]
        for t in range(T):
            if t % STEPS == 0:
                kept_membrane[b, t // STEPS, first:last] = tile[M : M + count]
                kept_slow[b, t // STEPS, first:last] = tile[C : C + count]
            _fire(tile, current[b, t, first:last], history, beta, theta, share, fall, inside)
            spikes[b, t, first:last] = history[FIRED : FIRED + count]
        last_membrane[b, first:last], last_slow[b, first:last] = tile[M : M + count], tile[C : C + count]


@njit(parallel=True)
@no_type_check
def _backward(
    d_spikes, current, weight, decay, kept_membrane, kept_slow, d_current, d_weight, d_decay, d_membrane, d_slow,
    beta, theta, share, fall, inside, surrogate, slope,
):  # fmt: skip
    number = current.dtype.type
    beta, theta, share, fall, inside = number(beta), number(theta), number(share), number(fall), number(inside)
    B, T, D = current.shape
    tiles = -(-D // WIDTH)
    for job in numba.prange(B * tiles):
        b, first = job // tiles, job % tiles * WIDTH
        count = min(WIDTH, D - first)
        last = first + count
        tile, back = np.zeros(4 * WIDTH, current.dtype), np.zeros(6 * WIDTH, current.dtype)
        tile[W : W + count], tile[L : L + count] = weight[first:last], decay[first:last]
        back[W : W + count], back[L : L + count] = weight[first:last], decay[first:last]
        back[M : M + count], back[C : C + count] = d_membrane[b, first:last], d_slow[b, first:last]
        history = np.empty((STEPS, 3 * WIDTH), current.dtype)
        for start in range((T - 1) // STEPS * STEPS, -1, -STEPS):
            steps = min(STEPS, T - start)
            tile[M : M + count] = kept_membrane[b, start // STEPS, first:last]
            tile[C : C + count] = kept_slow[b, start // STEPS, first:last]
            for k in range(steps):
                _fire(tile, current[b, start + k, first:last], history[k], beta, theta, share, fall, inside)
                _differentiate(history[k, MARGIN : MARGIN + count], surrogate, number(slope))
            for k in range(steps - 1, -1, -1):
                d_s, d_x = d_spikes[b, start + k, first:last], d_current[b, start + k, first:last]
                _return(back, d_s, d_x, history[k], beta, share, inside)
        d_membrane[b, first:last], d_slow[b, first:last] = back[M : M + count], back[C : C + count]
        d_weight[b, first:last], d_decay[b, first:last] = back[D_W : D_W + count], back[D_L : D_L + count]
