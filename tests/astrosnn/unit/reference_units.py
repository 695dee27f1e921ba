"""The unit as loops in float64 over the part's reference, and small units whose every weight matters."""

from itertools import product

import torch

from brainlib.astrosnn import reference
from brainlib.astrosnn.unit import AMSU, AMSUConfig

ASTROCYTES = ("none", "calcium", "matrix", "gated", "delta")
INJECTIONS = ("threshold", "membrane")
RESETS = ("hard", "soft", "none")
SWITCHES = [
    *(
        {"astrocyte": astrocyte, "injection": injection, "reset": RESETS[number % 3]}
        for number, (astrocyte, injection) in enumerate(product(ASTROCYTES, INJECTIONS))
        if (astrocyte, injection) != ("calcium", "membrane")
    ),
    *({"astrocyte": a, "input": "sigmoid", "tau": 3.5, "threshold": 0.7} for a in ASTROCYTES),
    *({"astrocyte": a, "normalised": False, "features": "elu"} for a in ("matrix", "gated")),
    {"astrocyte": "delta", "normalised": False},
]


def unit(seed=0, **switches) -> AMSU:
    """8 channels in 2 heads, float64; what starts at 0 or 1 is drawn."""
    torch.manual_seed(seed)
    built = AMSU(AMSUConfig(**{"dim": 8, "heads": 2} | switches)).double()
    with torch.no_grad():
        for parameter in built.parameters():
            parameter += 0.7 * torch.randn_like(parameter)
    return built


def tokens(batch=2, time=9, dim=8, seed=1):
    return torch.randn(batch, time, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def some_state(built: AMSU, batch=2, seed=2):
    """A state that nothing has come before."""
    generator = torch.Generator().manual_seed(seed)
    zeros = built.initial_state(batch)
    drawn = (z if z is None else torch.rand(z.shape, generator=generator, dtype=z.dtype) for z in zeros)
    return type(zeros)(*drawn)


def by_hand(built: AMSU, x, state):
    """y_1 to y_T and the state: the equations of the two docstrings, token by token."""
    config, told, remembered = built.config, None, state.memory
    a = x @ built.input.weight.T + built.input.bias
    current = 1 / (1 + (-a).exp()) if config.input == "sigmoid" else a
    beta = 1 - 1 / config.tau
    if config.astrocyte == "calcium":
        weight, decay = built.astrocyte.weight, 1 / (1 + (-built.astrocyte.decay).exp())
        rates = torch.stack([torch.full_like(weight, beta), torch.full_like(weight, config.threshold), weight, decay])
        spikes, last = reference.scan("slow", current, None, rates, state, config.reset)
        return spikes @ built.output.weight.T, *last
    if config.astrocyte != "none":
        told, remembered = matrix_by_hand(built, x, state.memory)
    if config.injection == "membrane" and told is not None:
        current, told = current + told, None
    spikes, _, m = reference.lif(
        current.transpose(0, 1), None if told is None else told.transpose(0, 1), beta=beta, state=state.membrane,
        threshold=config.threshold, reset=config.reset,
    )  # fmt: skip
    return spikes.transpose(0, 1) @ built.output.weight.T, m, remembered


def matrix_by_hand(built: AMSU, x, memory):
    config, glia = built.config, built.astrocyte
    h, d = config.heads, config.dim // config.heads

    def phi(vector):
        if config.features == "elu":
            return torch.where(vector > 0, vector + 1, vector.exp())
        return vector / ((vector**2).sum(-1, keepdim=True) + 1e-6) ** 0.5

    q, k, v = (torch.stack((x @ w.weight.T).split(d, -1), -2) for w in (glia.query, glia.key, glia.value))
    logit = glia.decay if glia.gate is None else glia.decay + x @ glia.gate.T
    eta = None if glia.write is None else 1 / (1 + (-(x @ glia.write.weight.T + glia.write.bias)).exp())
    o, H = reference.memory(phi(q), phi(k), v, -(1 + (-logit).exp()).log(), eta, memory)
    if config.normalised:
        o = o / ((o**2).mean(-1, keepdim=True) + 1e-6) ** 0.5
    return glia.gain * torch.cat([o[:, :, n] for n in range(h)], -1), H
