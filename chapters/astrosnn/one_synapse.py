"""One synapse with its neuron and its astrocyte, small enough to be watched: two cues, then a question about one.

For four tokens from `first_cue` the synapse hears a cue, a current of 1 with the key (1, 0); for four from `second_cue`
another, as strong, with the key (0, 1). For twelve tokens from `question` the astrocyte is asked with one of the two
keys. With a background current of 0.2 throughout, beta = 1/2, and v = 1:

    u_t = beta m_{t-1} + I_t                           H_t = gamma H_{t-1} + k_t,   gamma = 1 - 1 / memory
    s_t = 1 where u_t + o_t >= threshold, else 0       o_t = gain q_t H_t
    m_t = u_t (1 - s_t)

s = g(u + o) and o = H q are printed in the paper's overview figure, the rest is a reconstruction; o is not normalised
here, so that its size can be seen. `script` is the same in JavaScript.
"""

import math
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from brainlib.astrosnn import astrocyte_memory, reference

TOKENS, CUE, QUESTION = 128, 4, 12
BACKGROUND, BETA = 0.2, 0.5


class Traces(NamedTuple):
    """What happens at each of 128 tokens."""

    current: Float[Tensor, "128"]  # I
    membrane: Float[Tensor, "128"]  # u, before the spike
    seen_threshold: Float[Tensor, "128"]  # threshold - o: a spike comes where u reaches it
    spikes: Float[Tensor, "128"]  # s
    first_kept: Float[Tensor, "128"]  # the two entries of H
    second_kept: Float[Tensor, "128"]
    question: Float[Tensor, "128"]  # 1 while the astrocyte is asked


def one_synapse(
    memory: float,
    gain: float,
    threshold: float,
    first_cue: int,
    second_cue: int,
    question: int,
    asked_for: str = "first",
) -> Traces:
    """The synapse's traces in float64; times in tokens, `memory` the astrocyte's time constant in tokens.

    `reference.lif` and `astrocyte_memory` compute it.
    """
    one, two, asking = (_during(first_cue, CUE), _during(second_cue, CUE), _during(question, QUESTION))
    log_decay = torch.tensor([math.log1p(-1 / memory) if memory > 1 else -math.inf], dtype=torch.float64)
    key = torch.stack([one, two], -1).expand(2, 1, TOKENS, 2).transpose(1, 2)  # [batch, time, heads, 2]
    query = torch.eye(2, dtype=torch.float64)[:, None, None].expand(2, TOKENS, 1, 2)  # a sequence for each entry of H
    kept, _ = astrocyte_memory(query, key, torch.ones(2, TOKENS, 1, 1, dtype=torch.float64), log_decay)
    first_kept, second_kept = kept[..., 0, 0]
    answer = gain * asking * (first_kept if asked_for == "first" else second_kept)
    current = BACKGROUND + one + two
    spikes, membrane, _ = reference.lif(current, answer, beta=BETA, threshold=threshold)
    return Traces(current, membrane, threshold - answer, spikes, first_kept, second_kept, asking)


def script() -> str:
    """`one_synapse` as a JavaScript function of an object with its parameters, for `brainlib.explore.simulation`."""
    return Path(__file__).with_suffix(".js").read_text(encoding="utf-8")


def _during(start: int, duration: int) -> Float[Tensor, "128"]:
    time = torch.arange(TOKENS)
    return ((time >= start) & (time < start + duration)).double()
