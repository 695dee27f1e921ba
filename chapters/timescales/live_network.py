"""The networks that the page of chapter 3 runs itself: their weights, beside this file, and their figure.

`python -m chapters.timescales.live_network` writes the weights anew, of the first multi-head and the first single-head
network of the laptop profile, which it trains first unless the store of `brainlib.runs` has them. The page's program,
`book/assets/live_network.js`, reads the same file.
"""

import json
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch
from safetensors import safe_open
from safetensors.torch import save

from brainlib import backend, explore
from brainlib.timescales.evaluation import running_test
from brainlib.timescales.lesions import ablated, fastest_and_slowest, perturbed_weight
from brainlib.timescales.model import LeakyRNN
from brainlib.timescales.training import TrainedNetwork
from chapters.timescales.lesions import Subject
from chapters.timescales.networks import MULTI, SINGLE, trained
from chapters.timescales.settings import SETTINGS

PATH = Path(__file__).with_suffix(".safetensors")
SPAN, SEED = 11, 0
BITS = 40  # that are shown first
KILLED, PUSH, STRETCH = 10, 0.3, 1.3  # in the caption


def write(networks: Iterable[TrainedNetwork], span: int = SPAN, path: Path = PATH) -> None:
    """Writes networks as they were when they had solved `span`, by their curricula's names: the heads for the spans
    that `Subject.of` asks, in float16, with settings and provenance. Raises `ValueError` as
    `TrainedNetwork.network_at`.
    """
    weights, facts = {}, {}
    bits = torch.randint(0, 2, (BITS,), generator=torch.Generator().manual_seed(SEED)).tolist()
    for one in networks:
        name, subject = one.config.curriculum.name, Subject.of(one, span)
        own = dict(subject.network.state_dict()) | {"raw_tau": subject.network.tau}
        for part in ("readout_weight", "readout_bias"):
            own[part] = own[part][list(subject.heads.values())]
        weights |= {f"{name}.{part}": weight.half().contiguous() for part, weight in own.items()}
        facts[name] = json.dumps(
            {
                "spans": list(subject.heads),
                "bits": "".join(map(str, bits)),
                "seed": one.seed,
                "config": asdict(one.config),
                "provenance": backend.provenance() | {"trained_on": one.trained_on},
            }
        )
    path.write_bytes(save(weights, facts))


def load(condition: str = MULTI, path: Path = PATH) -> tuple[LeakyRNN, dict[str, Any]]:
    """The network taught by one curriculum, a head for each of its "spans", and the facts about it."""
    with safe_open(path, "pt") as file:
        facts = json.loads(file.metadata()[condition])
        names = [name for name in file.keys() if name.startswith(f"{condition}.")]  # noqa: SIM118
        weights = {name.removeprefix(f"{condition}."): file.get_tensor(name).float() for name in names}
    heads, _, units = weights["readout_weight"].shape
    network = LeakyRNN(units, heads, generator=torch.Generator())
    network.load_state_dict(weights)
    return network.eval(), facts


def killed(network: LeakyRNN, units: torch.Tensor) -> LeakyRNN:
    """Without several units."""
    for unit in units.tolist():
        network = ablated(network, unit)
    return network


def stretched(network: LeakyRNN, factor: float) -> LeakyRNN:
    """With time constants `factor` times as long, but at least 1 bit."""
    other = deepcopy(network)
    other.set_tau_((factor * network.tau).clamp(min=1))
    return other


def lost(condition: str = MULTI) -> dict[str, list[float]]:
    """The share of right answers on random bits, span by span, of the network and of what becomes of it."""
    network, facts = load(condition)
    spans, generator = facts["spans"], torch.Generator().manual_seed(SEED)
    test = running_test(network, "parity", spans, range(len(spans)), generator)
    fastest, slowest = fastest_and_slowest(network, KILLED)
    pushed = [test.accuracy(perturbed_weight(network, PUSH, generator)) for _ in range(KILLED)]
    return {
        "intact": test.accuracy(network),
        "slowest": test.accuracy(killed(network, slowest)),
        "fastest": test.accuracy(killed(network, fastest)),
        "random": test.accuracy(killed(network, torch.randperm(network.units, generator=generator)[:KILLED])),
        "pushed": list(map(fmean, zip(*pushed, strict=True))),
        "stretched": test.accuracy(stretched(network, STRETCH)),
    }


def figure() -> explore.Explorer:
    """The networks, alive in the page; elsewhere a picture of the multi-head one's states."""
    network, facts = load()
    bits = torch.tensor([float(bit) for bit in facts["bits"]])[:, None, None]
    order = network.tau.argsort(stable=True).flip(0)
    with torch.no_grad():
        states = network.states(bits)[:, 0, order].T
    picture = go.Figure(go.Heatmap(z=np.round(states.numpy(), 2), zmin=0, colorbar_title="state"))
    picture.update_layout(explore.WIDE | {"height": 420})
    picture.update_xaxes(title="bit").update_yaxes(title="neuron, slowest first", autorange="reversed")
    multi, single = ({name: f"{100 * right[-1]:.0f} %" for name, right in lost(c).items()} for c in (MULTI, SINGLE))

    def both(name: str) -> str:
        return f"{multi[name]} and {single[name]}"

    return explore.program(
        picture,
        "live_network.js",
        PATH.read_bytes(),
        name="lesions-alive",
        caption=f"A multi-head and a single-head network of {network.units} neurons as they were when they had solved "
        f"span {SPAN}. Right answers of the two about that span, on random bits: {both('intact')} as they are; "
        f"{both('slowest')} without their {KILLED} slowest, {both('fastest')} without their {KILLED} fastest (taken "
        f"from those whose time constant is 1), {both('random')} without {KILLED} at random; {both('pushed')} with "
        f"weights pushed by {PUSH} of their norm (mean of {KILLED} pushes); {both('stretched')} with time constants "
        f"stretched {STRETCH} times.",
        alt=f"The states of {network.units} neurons over the last {BITS} bits as a heat map, the slowest on top. In "
        "the page there stands beside it a bar for the time constant of each, and for each span the probability "
        "that the network gives to an odd number of ones, whether it is right, and how often it is on random bits.",
    )


if __name__ == "__main__":
    laptop = SETTINGS["laptop"].conditions
    found = trained({condition: laptop[condition] for condition in (MULTI, SINGLE)}, [SEED])
    write(one for (one,) in found.values())
