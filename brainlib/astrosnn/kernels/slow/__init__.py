"""A leaky neuron with one slow variable that its own past spikes drive: scalar calcium, or an adaptive threshold.

    o_t = w c_t
    u_t = beta m_{t-1} + I_t        z_t = u_t + o_t - theta       o at the threshold, or
    u_t = beta m_{t-1} + I_t + o_t  z_t = u_t - theta             o into the membrane
    s_t = 1 where z_t >= 0, else 0
    m_t = u_t (1 - [s_t])  hard     u_t - theta [s_t]  soft     u_t  none
    c_{t+1} = lambda c_t + (1 - lambda) s_t

[.] passes no gradient; the slow variable does. With w > 0 it is an astrocyte's calcium, with w < 0 the threshold rises
with every spike. `scan` checks and chooses, `reference` is these equations, `compiled` the same on a CPU and `triton`
on a GPU, with nothing stored but m and c at every `STEPS`th token: the way back computes the others again.
With a_t, b_t the gradients at m_t and c_{t+1}, and g the surrogate's derivative at z_t:

    ds = dL/ds_t + (1 - lambda) b_t        dz = ds g        du = dz + a_t (1 - s_t) (hard; else dz + a_t)
    do = dz at the threshold, du into the membrane          dI = du
    dw += do c_t        dlambda += b_t (c_t - s_t)          a_{t-1} = beta du        b_{t-1} = lambda b_t + w do
"""

from brainlib.astrosnn.kernels.slow.scan import Injection, slow_scan

__all__ = ["Injection", "slow_scan"]
