"""The figures of chapter 1."""

from collections.abc import Sequence
from functools import partial

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor

from brainlib import explore
from brainlib.explore import COLOURS, Explorer
from brainlib.timescales import LeakyRNN, tasks
from brainlib.timescales.autocorrelation import autocorrelation
from brainlib.timescales.kernels import recurrence
from chapters.timescales import circuit
from chapters.timescales.circuit import CIRCUITS, LAGS, Circuit, Simulation


def flash() -> Explorer:
    """One flash, four neurons that hear nothing else."""
    taus = torch.tensor([1.0, 1.5, 2.0, 5.0], dtype=torch.float64)
    bits = torch.zeros(16, 1, dtype=torch.float64)
    bits[0] = 1
    nothing, everything = torch.zeros_like(taus), torch.ones_like(taus)
    states, _ = recurrence(bits, nothing[None], torch.zeros(4, 4).double(), everything, nothing, 1 / taus)
    figure = go.Figure()
    for unit, (tau, colour) in enumerate(zip(taus.tolist(), COLOURS.values(), strict=False)):
        figure.add_scatter(y=states[:, 0, unit], name=f"τ = {tau:g}", mode="lines+markers", line_color=colour)
    figure.update_layout(explore.WIDE, xaxis_title="bits since the flash", yaxis_title="activity")
    left = states[5, 0].tolist()
    return explore.show(
        figure,
        name="leaky-flash",
        caption="One flash, four neurons. The slower a neuron, the less it takes in and the longer it keeps it: five "
        f"bits later {left[0]:g} is left at τ = 1, {left[1]:.3f} at τ = 1.5, {left[2]:.3f} at τ = 2 and {left[3]:.3f} "
        "at τ = 5.",
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
        alt="Two panels. Above, the activity of a neuron in a loop and of one alone as they hear random bits. Below, "
        "their autocorrelation over 30 lags: alone it decays at once, in the loop slowly, and with a negative weight "
        "it swings below zero.",
    )


def draw_loop(fair: Tensor, tau: float, weight_back: float) -> go.Figure:
    alone = Circuit((float(tau), float(tau)))
    pair = Circuit((float(tau), float(tau)), backward=float(weight_back))
    ones = fair[:, 0].nonzero().flatten().tolist()
    figure = make_subplots(2, 1, vertical_spacing=0.22)
    marker = {"color": COLOURS["grey"], "symbol": "line-ns-open", "size": 8}
    figure.add_scatter(
        x=ones, y=[-3.2] * len(ones), name="bits that are 1", mode="markers", marker=marker, row=1, col=1
    )
    for name, one, dash, colour in (
        ("neuron 1 alone", alone, "dot", "vermillion"),
        ("neuron 1 in the loop", pair, "solid", "blue"),
    ):
        style = {"color": COLOURS[colour], "dash": dash}
        heard = circuit.respond(one, fair)[:, 0, 0].numpy().round(3)
        figure.add_scatter(y=heard, mode="lines", line=style, showlegend=False, row=1, col=1)
        known = circuit.autocorrelation(one, LAGS)[:, 0].numpy().round(4)
        figure.add_scatter(y=known, name=name, mode="lines+markers", line=style, marker_size=5, row=2, col=1)
    figure.update_xaxes(title="time (bits)", row=1, col=1)
    figure.update_xaxes(title="lag (bits)", row=2, col=1)
    figure.update_yaxes(title="activity", range=[-3.5, 3.5], row=1, col=1)
    figure.update_yaxes(title="autocorrelation", range=[-1.05, 1.05], row=2, col=1)
    figure.add_annotation(
        text=f"slower mode: {circuit.time_constant(pair):.1f} bits<br>"
        f"a neuron alone: {circuit.time_constant(alone):.1f} bits",
        **{"x": 30, "y": -0.95, "xanchor": "right", "yanchor": "bottom", "align": "right", "showarrow": False},
        row=2,
        col=1,
    )
    return figure.update_layout(width=760, height=560)


def simulated_loops(simulation: Simulation, seed: int, error: float) -> Explorer:
    """The closed form, and one simulation of it; `error` is the largest difference."""
    generator = torch.Generator().manual_seed(seed)
    figure = go.Figure()
    for (name, pair), colour in zip(CIRCUITS.items(), COLOURS.values(), strict=False):
        known = circuit.autocorrelation(pair, LAGS)[:, 0]
        found = autocorrelation(circuit.simulate(pair, simulation, generator), LAGS)[:, 0]
        figure.add_scatter(y=known, name=name, mode="lines", line_color=colour)
        marker = {"color": colour, "size": 7, "symbol": "circle-open"}
        figure.add_scatter(y=found, mode="markers", marker=marker, showlegend=False)
    figure.update_layout(explore.WIDE, xaxis_title="lag (bits)", yaxis_title="autocorrelation of neuron 1")
    return explore.show(
        figure,
        name="loop-simulated",
        caption=f"Lines: the closed form. Circles: {simulation.trials:,} streams of {simulation.length:,} bits through "
        f"the network's recurrence. They differ by at most {error:.3f}.",
        alt="Three autocorrelation curves over 30 lags with circles on them: one that is zero at odd lags and decays "
        "at even ones, one that decays smoothly, one that rings.",
    )


def what_counts(seed: int) -> Explorer:
    """Which bits an answer depends on."""
    sequence = tasks.draw_bits(14, 1, torch.Generator().manual_seed(seed), rate=0.5)
    return explore.explorer(
        partial(draw_what_counts, sequence),
        name="tasks",
        span=range(2, 13),
        flipped=range(14),
        start={"span": 7, "flipped": 3},
        caption="Any of the last N bits turns the parity round; a match depends on two of them. Nothing before the "
        "span may matter to either.",
        alt="A row of fourteen bits, one of them ringed as flipped. Below it two rows of marks: for parity on each of "
        "the last N bits, for the match on the first and last of these. At the right both answers, before and after "
        "the flip.",
    )


def draw_what_counts(sequence: Tensor, span: int, flipped: int) -> go.Figure:
    changed = sequence.clone()
    changed[-1 - flipped] = 1 - changed[-1 - flipped]
    back = list(range(13, -1, -1))
    ones = changed[:, 0, 0].tolist()
    figure = go.Figure()
    for name, value, symbol in (("1", 1, "square"), ("0", 0, "square-open")):
        x = [k for k, bit in zip(back, ones, strict=True) if bit == value]
        marker = {"color": COLOURS["blue"], "symbol": symbol, "size": 11}
        figure.add_scatter(x=x, y=["bits"] * len(x), name=f"bit {name}", mode="markers", marker=marker)
    ring = {"color": COLOURS["vermillion"], "symbol": "circle-open", "size": 22, "line_width": 3}
    figure.add_scatter(x=[flipped], y=["bits"], name="flipped", mode="markers", marker=ring)
    beside = {"showarrow": False, "xanchor": "left"}
    for task, counts in (("parity", range(span)), ("match", (span - 1, 0))):
        before, after = (int(tasks.answers(task, bits, (span,))[0, 0]) for bits in (sequence, changed))
        figure.add_scatter(
            x=list(counts),
            y=[task] * len(counts),
            name="bits that count",
            showlegend=task == "match",
            mode="markers",
            marker={"color": COLOURS["green"], "symbol": "diamond", "size": 9},
        )
        text = f"{before} → {after}" if before != after else f"stays {after}"
        figure.add_annotation(x=-1, y=task, text=text, font_size=12, **beside)
    figure.add_annotation(x=-1, y="bits", text="answer", font_size=12, **beside)
    figure.update_xaxes(title="bits back from the last", range=[13.8, -5.5], tickvals=back[1::2])
    rows = ["match", "parity", "bits"]
    figure.update_yaxes(categoryorder="array", categoryarray=rows, range=[-0.6, 2.6], showgrid=False)
    return figure.update_layout(width=760, height=300)


def parity_chance(seed: int, sequences: int = 20_000) -> Explorer:
    """How often a parity is even."""
    generator, spans = torch.Generator().manual_seed(seed), tuple(range(2, 13))
    even = {
        name: 1 - tasks.draw("parity", spans, sequences, generator, rate=rate)[1].double().mean(1).numpy()
        for name, rate in (("a rate for each sequence", "task"), ("fair bits", 0.5))
    }
    formula = [0.5 + (0.5 / (span + 1) if span % 2 == 0 else 0) for span in spans]
    figure = go.Figure()
    for (name, share), colour in zip(even.items(), ("blue", "vermillion"), strict=True):
        marker = {"color": COLOURS[colour], "size": 9}
        figure.add_scatter(x=spans, y=100 * share, name=name, mode="markers", marker=marker)
    line = {"color": COLOURS["grey"], "dash": "dot"}
    figure.add_scatter(x=spans, y=[100 * value for value in formula], name="formula", mode="lines", line=line)
    figure.update_layout(
        explore.WIDE,
        xaxis={"title": "span N", "dtick": 1},
        yaxis={"title": "sequences with even parity (%)", "range": [45, 70]},
    )
    own, fair = even.values()
    return explore.show(
        figure,
        name="parity-chance",
        caption=f'Always answering "even" scores {100 * own[0]:.1f} % at span 2 where each sequence has a rate of its '
        f"own, and {100 * fair[0]:.1f} % on fair bits. {sequences:,} sequences; the formula is off by at most "
        f"{100 * max(abs(own - formula)):.1f} percentage points.",
        alt="Share of sequences with even parity against the span. For a rate of its own per sequence it is 67 % at "
        "span 2, 60 % at 4, falling towards 50 %, and 50 % at odd spans; for fair bits 50 % throughout.",
    )


def untrained_modes(network: LeakyRNN) -> Explorer:
    """The eigenvalues of the linear part before training."""
    found, slowest = circuit.modes(network)
    kept = 1 - 1 / network.tau
    angle = torch.linspace(0, 2 * torch.pi, 181)
    grey = {"color": COLOURS["grey"], "dash": "dot"}
    figure = go.Figure()
    figure.add_scatter(x=angle.cos(), y=angle.sin(), name="never fades", mode="lines", line=grey)
    figure.add_scatter(
        x=kept.numpy().round(4),
        y=[0.0] * len(kept),
        name="neurons alone",
        mode="markers",
        marker={"color": COLOURS["vermillion"], "size": 9, "symbol": "line-ns-open"},
    )
    figure.add_scatter(
        x=found.real.numpy().round(4),
        y=found.imag.numpy().round(4),
        name="modes of the network",
        mode="markers",
        marker={"color": COLOURS["blue"], "size": 5, "opacity": 0.7},
    )
    figure.update_xaxes(title="real part", range=[-1.1, 1.1])
    figure.update_yaxes(title="imaginary part", range=[-1.1, 1.1], scaleanchor="x")
    return explore.show(
        figure.update_layout(width=480, height=480),
        name="untrained-modes",
        caption="Before training, the loops keep activity for a little longer than neurons would: the network's "
        f"slowest mode fades in {slowest:.1f} bits, its slowest neuron alone in {float(-1 / kept.max().log()):.1f}.",
        alt="Eigenvalues in the complex plane: a cloud well within the unit circle around 0.3, and on the real axis "
        "ticks for the neurons' own factors between 0 and 0.5.",
    )


def first_lesson(spans: Sequence[int], right: Sequence[Tensor], known: Tensor) -> Explorer:
    """The share of right answers at each step of training, in hundreds, and at the end on fair bits (`known`)."""
    curves = torch.stack(list(right)).T.unfold(1, 100, 100).mean(-1)  # spans, hundreds of steps
    learned = ", ".join(
        next((f"{100 * (k + 1):,}" for k, share in enumerate(curve) if share > 0.9), "never")
        for curve in curves.tolist()
    )
    figure = go.Figure()
    for span, curve, colour in zip(spans, curves, COLOURS.values(), strict=False):
        x = [100 * (k + 1) for k in range(len(curve))]
        figure.add_scatter(x=x, y=100 * curve, name=f"span {span}", mode="lines", line_color=colour)
    yaxis = {"title": "right answers (%)", "range": [45, 101]}
    figure.update_layout(explore.WIDE, xaxis_title="training steps", yaxis=yaxis)
    ends = ", ".join(f"{100 * share:.1f} % at span {span}" for span, share in zip(spans, known.tolist(), strict=True))
    return explore.show(
        figure,
        name="first-lesson",
        caption="All four spans are practised from the start; they are right nine times in ten after about "
        f"{learned} steps, in this order. On fresh fair bits the network ends with {ends}.",
        alt="Four curves of right answers over training steps. Each rises steeply to about 100 %, one after the "
        "other, the one for span 2 first; before, some rest on a plateau above one half.",
    )
