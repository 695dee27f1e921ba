"""Six neurons and three wirings, small enough that a page infers its states itself: a reader draws the spikes.

In "up" each neuron excites the next, in "down" the one before, in "none" nobody. `book/assets/draw_spikes.js` computes
what `brainlib.brainstates.posterior` does.
"""

import json

import plotly.graph_objects as go
import torch

from brainlib import explore
from brainlib.brainstates import Emission, Parameters, posterior
from brainlib.brainstates.design import design, exponential_basis
from brainlib.brainstates.parameters import sticky
from brainlib.data import Trials

STATES = {"up": "blue", "down": "vermillion", "none": "grey"}
NEURONS, BINS, STAY, WEIGHT, BIAS = 6, 60, 0.95, 4.0, -3.0
EMISSION = Emission(link="sigmoid")


def brain() -> Parameters:
    """The true parameters."""
    weights = torch.zeros(3, NEURONS, NEURONS + 1, dtype=torch.float64)
    for n in range(1, NEURONS):
        weights[0, n, n - 1] = weights[1, n - 1, n] = WEIGHT
    weights[..., -1] = torch.tensor([[BIAS], [BIAS], [BIAS + 0.5]])
    return Parameters(weights, sticky(3, STAY).log(), torch.full((3,), 1 / 3).double().log())


def waves(way: int) -> torch.Tensor:
    """Spikes [bins, neurons] that wander through the neurons, one way."""
    spikes = torch.zeros(20, NEURONS, dtype=torch.int32)
    for start in range(0, 15, 4):
        for k in range(NEURONS):
            spikes[start + k, k if way > 0 else NEURONS - 1 - k] = 1
    return spikes


def drawn() -> torch.Tensor:
    """The spikes that are shown first: waves up, none of a kind, waves down."""
    between = torch.rand(20, NEURONS, generator=torch.Generator().manual_seed(4)) < 0.08
    return torch.cat((waves(1), between.int(), waves(-1)))


def inferred(spikes: torch.Tensor) -> torch.Tensor:
    """p(state | all spikes), [bins, 3]."""
    data = design(Trials.from_sequences([spikes], bin_ms=1.0), dtype=torch.float64)
    return posterior(brain(), data, EMISSION).states[0]


def content() -> bytes:
    """What the page's program is given."""
    weights, log_transition, log_initial = brain()
    numbers = {
        "weights": weights[..., :-1],
        "bias": weights[..., -1],
        "transition": log_transition.exp(),
        "initial": log_initial.exp(),
        "basis": exponential_basis()[:, 0].double(),
        "spikes": drawn(),
    }
    words = {"names": list(STATES), "colours": [explore.COLOURS[colour] for colour in STATES.values()]}
    return json.dumps({name: value.tolist() for name, value in numbers.items()} | words).encode()


def figure() -> explore.Explorer:
    """The model, alive in the page; elsewhere what it infers of the first spikes."""
    spikes = drawn()
    p = inferred(spikes)
    picture = go.Figure()
    for s, (name, colour) in enumerate(STATES.items()):
        picture.add_bar(y=p[:, s].numpy().round(3), name=name, marker_color=explore.COLOURS[colour], width=1)
    bins, neurons = spikes.nonzero(as_tuple=True)
    marks = {"symbol": "line-ns-open", "size": 12, "color": explore.COLOURS["grey"]}
    picture.add_scatter(x=bins.numpy(), y=1.1 + 0.15 * neurons.numpy(), mode="markers", marker=marks, name="spikes")
    picture.update_layout(explore.WIDE, barmode="stack", bargap=0).update_xaxes(title="time (bins)")
    picture.update_yaxes(title="p(state), and neurons above", tickvals=[0, 0.5, 1])
    sure = [float(p[part, s].mean()) for part, s in ((slice(0, 20), 0), (slice(40, 60), 1))]
    few = inferred(waves(1)[:2])[-1]
    return explore.program(
        picture,
        "draw_spikes.js",
        content(),
        name="draw-spikes",
        caption=f"Draw spikes, and see the wiring answer. While waves go up the model gives the state up {sure[0]:.2f} "
        f"on average, while they go down the state down {sure[1]:.2f}. Of the first two bins of a wave alone up has "
        f"{float(few[0]):.2f}. Every neuron fires as often in waves up as in waves down; only who follows whom tells "
        "them apart.",
        alt="Spikes of six neurons over 60 bins above stacked bands, the probabilities of three states: up while waves "
        "of spikes climb through the neurons, down while they descend. In the page a graph beside them shows the "
        "wiring that is expected in a chosen bin.",
    )
