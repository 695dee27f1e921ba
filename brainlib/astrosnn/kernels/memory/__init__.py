"""The astrocyte's matrix memory: a state H of every head that decays, takes up one key and value a token, and is read.

    H_t = gamma_t H_{t-1} + k_t v_t^T                                           fixed or gated decay
    H_t = gamma_t H_{t-1} + eta_t k_t (v_t - k_t gamma_t H_{t-1})^T             delta rule
    o_t = q_t H_t

in three forms that are one function: recurrent (a token after the other), parallel (all pairs of tokens at once) and
chunked (pairs within a chunk, the state between chunks). Their derivation, gradients and costs: README.md beside this
file. `memory` checks, chooses and makes an implementation known to torch; `forms` has one token and the three forms in
torch operations; `cpu` (recurrent, compiled) and `triton` (chunked, for a GPU) are modules with two functions:

    forward(query, key, value, log_decay, write, state) -> output, last, errors
    backward(d_output, d_last, query, key, value, log_decay, write, state, errors)
        -> d_query, d_key, d_value, d_log_decay, d_write, d_state

    query, key [B, T, h, d_key]   value, output [B, T, h, d_value]   log_decay [h] or [B, T, h]
    write None or [B, T, h]   errors v - k gamma H, as value is   (no write: errors and d_write have no element)
    state, last [B, h, d_key, d_value]
    all tensors contiguous and on one device; B, T, h, d >= 1

`triton` has no delta rule: its write is None. Its query, key and value may be narrower than float32, beside log_decay
and state in float32.
"""

from brainlib.astrosnn.kernels.memory.forms import memory_step
from brainlib.astrosnn.kernels.memory.memory import Form, astrocyte_memory

__all__ = ["Form", "astrocyte_memory", "memory_step"]
