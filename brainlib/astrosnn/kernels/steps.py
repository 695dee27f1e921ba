"""A step of each scan and its adjoint, for numba, on lanes (equations: README.md).

    step(x, y, parameters, state, options) -> output, state after
    adjoint(d_output, d_state, x, y, parameters, state, options) -> (d_x, d_y), d_parameters, d_state

`state` is the one before the step, `d_state` the gradient after it and then the one before. Parameters, states and
their gradients are tuples. `options` of neurons: share and fall (a spike takes share u + fall theta from the membrane),
attached (1 if the gradient passes through that spike), and the surrogate's place among `surrogates.SURROGATES`.
"""

import math

from brainlib.astrosnn.kernels.instructions import absolute, exp_of_minus, log_of_one_and, step, where_nonnegative
from brainlib.jit import njit

PI_SQUARED = math.pi**2
inlined = njit(forceinline=True)


@inlined
def bump(z, surrogate):
    """ds/dz, as in surrogates.py."""
    if surrogate == 0:
        return 1 / (1 + PI_SQUARED * z * z)
    if surrogate == 1:
        return where_nonnegative(4 * absolute(z) - 2, 0, 2 - 4 * absolute(z))
    if surrogate == 2:
        e = exp_of_minus(4 * absolute(z))
        return 4 * e / ((1 + e) * (1 + e))
    y = 1 + 25 * absolute(z)
    return 1 / (y * y)


@inlined
def after_spike(u, z, theta, options):
    share, fall = options[0], options[1]
    return where_nonnegative(z, (1 - share) * u - fall * theta, u)


@inlined
def through_spike(d_s, d_m, u, z, theta, options):
    """The gradients at z, u and theta, from those at the spike and at the membrane after it."""
    share, fall, attached, surrogate = options
    d_s = d_s - d_m * (u if attached * share > 0 else attached * fall * theta)
    d_z = d_s * bump(z, surrogate)
    return d_z, d_z + where_nonnegative(z, (1 - share) * d_m, d_m), where_nonnegative(z, 0 - fall * d_m, 0) - d_z


@inlined
def charge(x, o, parameters, state):
    """u and z."""
    u = parameters[0] * state[0] + x
    return u, u + o - parameters[1]


@inlined
def lif_step(x, o, parameters, state, options):
    u, z = charge(x, o, parameters, state)
    return step(z), (after_spike(u, z, parameters[1], options),)


@inlined
def lif_adjoint(d_s, d_state, x, o, parameters, state, options):
    beta, theta = parameters
    u, z = charge(x, o, parameters, state)
    d_z, d_u, d_theta = through_spike(d_s, d_state[0], u, z, theta, options)
    return (d_u, d_z), (d_u * state[0], d_theta), (beta * d_u,)


@inlined
def slow_step(x, _, parameters, state, options):
    _beta, theta, weight, decay = parameters
    u, z = charge(x, weight * state[1], parameters, state)
    s = step(z)
    return s, (after_spike(u, z, theta, options), decay * state[1] + (1 - decay) * s)


@inlined
def slow_adjoint(d_s, d_state, x, _, parameters, state, options):
    beta, theta, weight, decay = parameters
    (m, c), (d_m, d_c) = state, d_state
    u, z = charge(x, weight * c, parameters, state)
    d_z, d_u, d_theta = through_spike(d_s + (1 - decay) * d_c, d_m, u, z, theta, options)
    return (d_u, d_z), (d_u * m, d_theta, d_z * c, d_c * (c - step(z))), (beta * d_u, decay * d_c + weight * d_z)


@inlined
def logistic(z):
    e = exp_of_minus(absolute(z))
    return where_nonnegative(z, 1, e) / (1 + e), e


@inlined
def wkv_step(key, value, parameters, state, _):
    (decay, bonus), (mean, weight) = parameters, state
    now, _e = logistic(bonus + key - weight)
    faded = weight - decay
    later, e = logistic(key - faded)
    heavier = where_nonnegative(key - faded, key, faded) + log_of_one_and(e)
    return mean + now * (value - mean), (mean + later * (value - mean), heavier)


@inlined
def wkv_adjoint(d_y, d_state, key, value, parameters, state, _):
    (decay, bonus), (mean, weight), (d_mean, d_weight) = parameters, state, d_state
    now, _e = logistic(bonus + key - weight)
    later, _e = logistic(key - (weight - decay))
    surprise = value - mean
    by_now = now * (1 - now) * surprise * d_y  # what reaches u + k - l
    by_later = later * (1 - later) * surprise * d_mean  # what reaches k - (l - w)
    by_faded = (1 - later) * d_weight - by_later  # what reaches l - w
    d_key, d_value = by_now + by_later + later * d_weight, now * d_y + later * d_mean
    d_mean = (1 - now) * d_y + (1 - later) * d_mean
    return (d_key, d_value), (0 - by_faded, by_now), (d_mean, by_faded - by_now)
