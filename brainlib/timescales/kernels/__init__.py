"""All steps of a leaky recurrent network as one operation, forward and backward, with only its states stored.

With the leak folded into the matrix both forms of the network are the same recurrence (derivation of the gradients:
README.md beside this file),

    h_t = keep h_{t-1} + gain phi(M h_{t-1} + b + w x_t),

so a kernel (`compiled` for a CPU, `triton` for a GPU) is a module with two functions, which fold, loop and unfold:

    forward(bits, h0, weight, input_weight, bias, leak, inside, activation) -> states
    backward(d_states, d_last, bits, h0, weight, input_weight, bias, leak, states, inside, activation)
        -> d_h0, d_weight, d_input_weight, d_bias, d_leak

    bits [T, B]   h0, d_last, d_h0 [B, n]   states, d_states [T, B, n]: h_1 to h_T
    weight, d_weight [n, n]   input_weight, bias, leak and their gradients [n]
    inside: bool   activation: "leaky_relu" (slope 0.01), "relu" or "tanh"
    all tensors contiguous, of one dtype (float32 or float64) and on one device; T, B, n >= 1
    d_states or d_last may be None (no gradient came that way), never both

What phi gave is not stored. Outside the leak it is recovered as (h_t - keep h_{t-1}) / gain, which for a relu must be
exactly 0 where it was 0: in the sum that makes h_t, and in this difference, keep h_{t-1} is rounded by itself, not
within a fused multiply-add. `triton` computes it again. `reference` is the equations as they stand, under autograd.
"""

from brainlib.timescales.kernels.recurrence import Activation, Implementation, recurrence

__all__ = ["Activation", "Implementation", "recurrence"]
