"""The figures of chapter 1."""

from collections.abc import Sequence
from functools import partial

import pandas as pd
import plotly.express as px
import plotly.graph_objects as go
import torch
from torch import Tensor

from brainlib import explore
from brainlib.explore import Explorer
from brainlib.timescales import LeakyRNN
from brainlib.timescales.kernels import recurrence
from chapters.timescales import circuit
from chapters.timescales.circuit import LAGS, Circuit
from chapters.timescales.figures import BLUE, GREY, ORANGE, arranged

ALONE, LOOP = "neuron 1 alone", "neuron 1 in the loop"


def flash() -> Explorer:
    """One flash, four neurons that hear nothing else."""
    taus = torch.tensor([1.0, 1.5, 2.0, 5.0], dtype=torch.float64)
    bits = torch.zeros(16, 1, dtype=torch.float64)
    bits[0] = 1
    nothing, everything = torch.zeros_like(taus), torch.ones_like(taus)
    states, _ = recurrence(bits, nothing[None], torch.zeros(4, 4).double(), everything, nothing, 1 / taus)
    frame = pd.DataFrame(states[:, 0].numpy(), columns=[f"τ = {tau:g}" for tau in taus.tolist()])
    figure = px.line(frame, markers=True, labels={"index": "bits since the flash", "value": "activity"})
    left = ", ".join(f"{share:.3g} at {name}" for name, share in frame.loc[5].items())
    return explore.show(
        arranged(figure),
        name="leaky-flash",
        caption="One flash, four neurons. The slower a neuron, the less it takes in and the longer it keeps it: five "
        f"bits later is left {left}.",
        alt="Four curves of activity over bits since a flash. The one for τ = 1 starts highest and is zero after one "
        "bit; slower neurons start lower and decay later.",
    )


def loop(seed: int) -> Explorer:
    """Two neurons in a loop beside one alone, as they hear the same bits."""
    fair = (torch.rand(60, 1, generator=torch.Generator().manual_seed(seed)) < 0.5).double()
    quick, slow = (circuit.time_constant(c) for c in (Circuit((1.5, 1.5), backward=0.8), Circuit((8.0, 8.0))))
    return explore.explorer(
        partial(draw_loop, fair),
        name="two-neuron-loop",
        tau=[1.0, 1.5, 2.0, 3.0, 5.0, 8.0],
        weight_back=[w / 10 for w in range(-9, 10)],
        start={"tau": 1.5, "weight_back": 0.8},
        caption=f"Two quick neurons in a loop remember longer than one slow neuron: {quick:.0f} bits at τ = 1.5 and a "
        f"gain of 0.8, against {slow:.1f} bits at τ = 8 without a loop. A negative gain makes the autocorrelation "
        "ring.",
        alt="Two panels. One has the activity of a neuron in a loop and of one alone as they hear random bits, the "
        "other their autocorrelation over 30 lags: alone it decays at once, in the loop slowly, and with a negative "
        "weight it swings below zero.",
    )


def draw_loop(fair: Tensor, tau: float, weight_back: float) -> go.Figure:
    pairs = {ALONE: Circuit((tau, tau)), LOOP: Circuit((tau, tau), backward=weight_back)}
    lines = {
        (panel, name): pd.Series(values.numpy().round(4))
        for name, one in pairs.items()
        for panel, values in (
            ("activity", circuit.respond(one, fair)[:, 0, 0]),
            ("autocorrelation", circuit.autocorrelation(one, LAGS)[:, 0]),
        )
    }
    frame = pd.concat(lines, names=["panel", "neuron", "index"]).reset_index(name="y")
    options = {"color": "neuron", "color_discrete_map": {ALONE: ORANGE, LOOP: BLUE}, "line_dash": "neuron"}
    options |= {"facet_col": "panel", "facet_col_spacing": 0.09, "line_dash_sequence": ["dot", "solid"]}
    figure = px.line(frame, x="index", y="y", **options)
    figure = arranged(figure, x=["time (bits)", "lag (bits)"], y=["activity", "autocorrelation"], height=420)
    figure.update_yaxes(range=[-3.5, 3.5], col=1).update_yaxes(range=[-1.05, 1.05], col=2)
    ones = fair[:, 0].nonzero().flatten().tolist()
    marker = {"color": GREY, "symbol": "line-ns-open", "size": 8}
    figure.add_scatter(x=ones, y=[-3.2] * len(ones), name="bits that are 1", mode="markers", marker=marker)
    loop, alone = (circuit.time_constant(pairs[name]) for name in (LOOP, ALONE))
    return figure.update_layout(title=f"slower mode {loop:.1f} bits, a neuron alone {alone:.1f} bits", margin_t=80)


def network_table(network: LeakyRNN) -> pd.DataFrame:
    """A network before training, beside the one that the authors trained first."""
    weight = network.weight.detach()
    rows = {
        "trained numbers": (f"{sum(p.numel() for p in network.parameters()):,}", "352,200"),
        "mean τ (bits)": (f"{float(network.tau.mean()):.4f}", "1.4933"),
        "standard deviation of τ (bits)": (f"{float(network.tau.std()):.3f}", "0.284"),
        "standard deviation of the weights": (f"{float(weight[~network.diagonal].std()):.4f}", "0.0258"),
        "largest modulus of W's eigenvalues": (f"{float(torch.linalg.eigvals(weight).abs().max()):.3f}", "0.589"),
        "slowest neuron alone (bits)": (f"{float(-1 / (1 - 1 / network.tau.max()).log()):.1f}", "–"),
        "slowest mode of the network (bits)": (f"{circuit.modes(network)[1]:.1f}", "–"),
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["this network", "released network"])


def first_lesson(spans: Sequence[int], right: Sequence[Tensor], known: Tensor) -> Explorer:
    """The share of right answers at each step of training, in hundreds, and at the end on fair bits (`known`)."""
    curves = 100 * torch.stack(list(right)).unfold(0, 100, 100).mean(-1)  # hundreds of steps, spans
    steps = range(100, 100 * len(curves) + 1, 100)
    frame = pd.DataFrame(curves.numpy(), index=steps, columns=[f"span {span}" for span in spans])
    learned = ", ".join(f"{(curve > 90).idxmax():,}" if (curve > 90).any() else "never" for _, curve in frame.items())
    figure = px.line(frame, labels={"index": "training steps", "value": "right answers (%)"}, range_y=[45, 101])
    ends = ", ".join(f"{100 * share:.1f} % at span {span}" for span, share in zip(spans, known.tolist(), strict=True))
    return explore.show(
        arranged(figure),
        name="first-lesson",
        caption="All four spans are practised from the start; they are right nine times in ten after about "
        f"{learned} steps, in this order. On fresh fair bits the network ends with {ends}.",
        alt="Four curves of right answers over training steps. Each rises steeply to about 100 %, one after the "
        "other, the one for span 2 first; before, some rest on a plateau above one half.",
    )
