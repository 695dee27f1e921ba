"""The running average compiled by numba: one pass forward, and one back that needs no exponentials."""

import math
from typing import no_type_check

import numba
import numpy as np
import torch
from torch import Tensor

from brainlib.backend import torch_threads
from brainlib.jit import njit

COLUMNS = 64  # channels that a thread takes at a time
ONE = np.float32(1)


def forward(key, value, decay, bonus, mean, log_weight, keep: bool) -> tuple[Tensor, ...]:
    """What `wkv_operation` gives."""
    key, value, y = key.contiguous(), value.contiguous(), torch.empty_like(key, memory_format=torch.contiguous_format)
    mean, log_weight = (tensor.clone(memory_format=torch.contiguous_format) for tensor in (mean, log_weight))
    kept = tuple(torch.empty_like(y if keep else y[:0]) for _ in range(3))
    with torch_threads():
        _forward(*_arrays(key, value, decay, bonus, mean, log_weight, y, *kept), keep)
    return y, mean, log_weight, *kept


def backward(d_y, d_mean, d_log_weight, value, means, nows, laters) -> tuple[Tensor, ...]:
    """The gradients of key, value, decay, bonus, and of the state before, given those of y and of the state after."""
    d_key, d_value = torch.empty_like(means), torch.empty_like(means)
    d_mean, d_log_weight = (tensor.clone(memory_format=torch.contiguous_format) for tensor in (d_mean, d_log_weight))
    d_decay, d_bonus = torch.zeros_like(d_mean), torch.zeros_like(d_mean)
    tensors = (d_y, value, means, nows, laters, d_mean, d_log_weight, d_key, d_value, d_decay, d_bonus)
    with torch_threads():
        _backward(*_arrays(*(tensor.contiguous() for tensor in tensors)))
    return d_key, d_value, d_decay.sum(0), d_bonus.sum(0), d_mean, d_log_weight


def _arrays(*tensors: Tensor) -> list[np.ndarray]:
    return [tensor.detach().numpy() for tensor in tensors]


@njit(parallel=True, error_model="numpy", fastmath={"contract", "nsz"})
@no_type_check  # the tests check annotations by wrapping; numba compiles plain functions only
def _forward(key, value, decay, bonus, mean, log_weight, y, means, nows, laters, keep):
    B, T, D = key.shape
    tiles = (D + COLUMNS - 1) // COLUMNS
    for tile in numba.prange(B * tiles):
        b, first = tile // tiles, tile % tiles * COLUMNS
        last = min(first + COLUMNS, D)
        for t in range(T):
            for c in range(first, last):
                m, weight, k, v = mean[b, c], log_weight[b, c], key[b, t, c], value[b, t, c]
                now = ONE / (ONE + math.exp(weight - bonus[c] - k))
                y[b, t, c] = m + now * (v - m)
                faded = weight - decay[c]
                smaller = math.exp(-abs(k - faded))  # of both weights, to the larger
                later = (ONE if k > faded else smaller) / (ONE + smaller)
                mean[b, c] = m + later * (v - m)
                log_weight[b, c] = max(k, faded) + math.log(ONE + smaller)
                if keep:
                    means[b, t, c], nows[b, t, c], laters[b, t, c] = m, now, later


@njit(parallel=True, error_model="numpy", fastmath={"contract", "nsz"})
@no_type_check
def _backward(d_y, value, means, nows, laters, d_mean, d_log_weight, d_key, d_value, d_decay, d_bonus):
    B, T, D = d_y.shape
    tiles = (D + COLUMNS - 1) // COLUMNS
    for tile in numba.prange(B * tiles):
        b, first = tile // tiles, tile % tiles * COLUMNS
        last = min(first + COLUMNS, D)
        for t in range(T - 1, -1, -1):
            for c in range(first, last):
                m, now, later, g = means[b, t, c], nows[b, t, c], laters[b, t, c], d_y[b, t, c]
                dm, dl = d_mean[b, c], d_log_weight[b, c]
                surprise = value[b, t, c] - m
                by_now = now * (ONE - now) * surprise * g  # what reaches u + k_t - l
                by_later = later * (ONE - later) * surprise * dm  # what reaches k_t - (l - w)
                by_faded = (ONE - later) * dl - by_later  # what reaches l - w
                d_value[b, t, c] = now * g + later * dm
                d_key[b, t, c] = by_now + by_later + later * dl
                d_mean[b, c] = (ONE - now) * g + (ONE - later) * dm
                d_log_weight[b, c] = by_faded - by_now
                d_bonus[b, c] += by_now
                d_decay[b, c] -= by_faded
