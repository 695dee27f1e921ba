"""The network that the page of chapter 3 runs itself: its weights, beside this file, and its figure.

`python -m chapters.timescales.live_network` writes the weights anew, of the multi-head network of the laptop profile,
which it trains first unless the store of `brainlib.runs` has it. The page's program, `book/assets/live_network.js`,
reads the same file.
"""

import json
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from statistics import fmean

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
from chapters.timescales.networks import MULTI, trained
from chapters.timescales.settings import SETTINGS

PATH = Path(__file__).with_suffix(".safetensors")
SPAN, SEED = 11, 0
BITS = 40  # that are shown first
KILLED, PUSH, STRETCH = 10, 0.3, 1.3  # in the caption


def write(one: TrainedNetwork, span: int = SPAN, path: Path = PATH) -> None:
    """Writes a multi-head network as it was when it had solved `span`, with a head for each span up to there, in
    float16, with its settings and provenance. Raises `ValueError` as `TrainedNetwork.network_at`.
    """
    network, spans = one.network_at(span), list(range(2, span + 1))
    weights = dict(network.state_dict()) | {"raw_tau": network.tau}
    heads = [one.config.head_for(each) for each in spans]
    for name in ("readout_weight", "readout_bias"):
        weights[name] = weights[name][heads]
    bits = torch.randint(0, 2, (BITS,), generator=torch.Generator().manual_seed(SEED)).tolist()
    facts = {
        "spans": json.dumps(spans),
        "bits": "".join(map(str, bits)),
        "seed": str(one.seed),
        "config": json.dumps(asdict(one.config)),
        "provenance": json.dumps(backend.provenance() | {"trained_on": one.trained_on}),
    }
    path.write_bytes(save({name: weight.half().contiguous() for name, weight in weights.items()}, facts))


def load(path: Path = PATH) -> tuple[LeakyRNN, dict[str, str]]:
    """The network, head k for span k + 2, and the facts about it."""
    with safe_open(path, "pt") as file:
        weights, facts = {name: file.get_tensor(name).float() for name in file.keys()}, file.metadata()  # noqa: SIM118
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


def lost() -> dict[str, list[float]]:
    """The share of right answers on random bits, span by span, of the network and of what becomes of it."""
    network, facts = load()
    spans, generator = json.loads(facts["spans"]), torch.Generator().manual_seed(SEED)
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
    """The network, alive in the page; a picture of its states elsewhere."""
    network, facts = load()
    bits = torch.tensor([float(bit) for bit in facts["bits"]])[:, None, None]
    order = network.tau.argsort(stable=True).flip(0)
    with torch.no_grad():
        states = network.states(bits)[:, 0, order].T
    picture = go.Figure(go.Heatmap(z=np.round(states.numpy(), 2), zmin=0, colorbar_title="state"))
    picture.update_layout(explore.WIDE | {"height": 420})
    picture.update_xaxes(title="bit").update_yaxes(title="neuron, slowest first", autorange="reversed")
    said = {name: f"{100 * shares[0]:.0f} and {100 * shares[-1]:.0f} %" for name, shares in lost().items()}
    return explore.program(
        picture,
        "live_network.js",
        PATH.read_bytes(),
        name="lesions-alive",
        caption=f"A multi-head network of {network.units} neurons as it was when it had solved span {SPAN}. Right "
        f"answers about spans 2 and {SPAN} on random bits: {said['intact']} as it is; {said['slowest']} without its "
        f"{KILLED} slowest, {said['fastest']} without its {KILLED} fastest, which are "
        f"drawn from the many whose time constant is 1, {said['random']} without {KILLED} at random; "
        f"{said['pushed']} with weights pushed "
        f"by {PUSH} of their norm (mean of {KILLED} pushes); {said['stretched']} with time constants stretched "
        f"{STRETCH} times.",
        alt=f"The states of {network.units} neurons over the last {BITS} bits as a heat map, the slowest on top. In "
        "the page there stands beside it a bar for the time constant of each, and for each span the probability "
        "that the network gives to an odd number of ones, whether it is right, and how often it is on random bits.",
    )


if __name__ == "__main__":
    ((one,),) = trained({MULTI: SETTINGS["laptop"].conditions[MULTI]}, [SEED]).values()
    write(one)
