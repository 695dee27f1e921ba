"""Leaky integrate-and-fire neurons through all time steps as one operation, forward and backward.

With the membrane m_0 given, the current I and the astrocyte's o of each step (o = 0 without an astrocyte), and the
threshold theta (derivation of the gradients and what they cost: ../README.md):

    u_t = beta m_{t-1} + I_t        z_t = u_t + o_t - theta        s_t = 1 if z_t >= 0 else 0
    m_t = u_t (1 - s_t) hard        u_t - theta s_t soft           u_t none

An implementation (`cpu`; `triton` for a GPU) is a module with a number and two functions:

    SEGMENT: steps between two membranes that forward keeps, from which backward computes those between again
    forward(current, astro, beta, state, threshold, reset) -> spikes, last, kept
    backward(d_spikes, d_last, current, astro, beta, kept, threshold, reset, surrogate, slope, detach_reset, learn_beta)
        -> d_current, d_astro, d_beta, d_state

    current, astro, spikes, d_spikes and the gradients of the former [O, T, N]: sequences of N columns
    state, last, d_last, d_state [O, N]   beta, d_beta [N]   kept [O, ceil(T / SEGMENT), N]: m before each segment
    all contiguous, on one device and of one dtype, but the last line in float32 beside half precision; O, T, N >= 1
    astro, d_spikes, d_last may be None (not both of the latter); then d_astro is empty, and d_beta unless learn_beta
    threshold, slope: float   reset: "hard", "soft" or "none"   surrogate: "atan", "qgate", "sigmoid" or "fast_sigmoid"

`reference` is the equations as they stand, in float64, with autograd's gradients.
"""

from brainlib.astrosnn.kernels.lif.arguments import Reset
from brainlib.astrosnn.kernels.lif.scan import lif_scan, lif_trace
from brainlib.astrosnn.kernels.lif.surrogates import SURROGATES, Surrogate, spike, surrogate_gradient

__all__ = ["SURROGATES", "Reset", "Surrogate", "lif_scan", "lif_trace", "spike", "surrogate_gradient"]
