"""RWKV's time mix as a running average, forward and backward.

RWKV-4 (arXiv 2305.13048, equation 16) averages the values of the past with weights that fall by e^-w a token, and the
present one with weight e^u more than it will have later, channel by channel:

    y_t = (sum_{i<t} e^(k_i - (t-1-i) w) v_i + e^(u + k_t) v_t) / (sum_{i<t} e^(k_i - (t-1-i) w) + e^(u + k_t))

Both sums may overflow. Kept are their ratio m, which is an average of values, and the log of the lower, l:

    y_t = m + sigma(u + k_t - l) (v_t - m)
    r_t = sigma(k_t - (l - w));     m <- m + r_t (v_t - m);     l <- log(e^(l - w) + e^(k_t))

and nothing can overflow, whatever k is. Before the first token m = 0 and l = -1e30.
"""

from brainlib.astrosnn.kernels.wkv.scan import WKVState, wkv

__all__ = ["WKVState", "wkv"]
