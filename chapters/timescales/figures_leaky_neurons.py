"""The figures of chapter 1."""

from collections.abc import Sequence
from functools import partial

import pandas as pd
import plotly.express as px
import plotly.graph_objects as go
import torch
from torch import Tensor

from brainlib import explore
from brainlib.explore import COLOURS, Explorer
from brainlib.timescales import LeakyRNN, tasks
from brainlib.timescales.autocorrelation import autocorrelation
from brainlib.timescales.kernels import recurrence
from chapters.timescales import circuit
from chapters.timescales.circuit import CIRCUITS, LAGS, Circuit, Simulation
from chapters.timescales.figures import arranged

ALONE, LOOP = "neuron 1 alone", "neuron 1 in the loop"
PANELS = {"activity": "time (bits)", "autocorrelation": "lag (bits)"}


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
    pairs = {
        ALONE: Circuit((float(tau), float(tau))),
        LOOP: Circuit((float(tau), float(tau)), backward=float(weight_back)),
    }
    frames = [
        pd.DataFrame({"y": values.numpy().round(4), "neuron": name, "panel": panel}).reset_index()
        for name, one in pairs.items()
        for panel, values in zip(
            PANELS, (circuit.respond(one, fair)[:, 0, 0], circuit.autocorrelation(one, LAGS)[:, 0]), strict=True
        )
    ]
    options = {"color": "neuron", "color_discrete_map": {ALONE: COLOURS["vermillion"], LOOP: COLOURS["blue"]}}
    options |= {
        "facet_col": "panel",
        "facet_col_spacing": 0.09,
        "line_dash": "neuron",
        "line_dash_sequence": ["dot", "solid"],
    }
    figure = px.line(pd.concat(frames), x="index", y="y", **options)
    figure = arranged(figure, x=list(PANELS.values()), y=list(PANELS), height=420)
    figure.update_yaxes(range=[-3.5, 3.5], col=1).update_yaxes(range=[-1.05, 1.05], col=2)
    ones = fair[:, 0].nonzero().flatten().tolist()
    marker = {"color": COLOURS["grey"], "symbol": "line-ns-open", "size": 8}
    figure.add_scatter(x=ones, y=[-3.2] * len(ones), name="bits that are 1", mode="markers", marker=marker)
    loop, alone = (circuit.time_constant(pairs[name]) for name in (LOOP, ALONE))
    return figure.update_layout(title=f"slower mode {loop:.1f} bits, a neuron alone {alone:.1f} bits", margin_t=80)


def simulated_loops(simulation: Simulation, seed: int, error: float) -> Explorer:
    """The closed form, and one simulation of it; `error` is the largest difference."""
    generator = torch.Generator().manual_seed(seed)
    known = pd.DataFrame({name: circuit.autocorrelation(pair, LAGS)[:, 0] for name, pair in CIRCUITS.items()})
    simulated = (circuit.simulate(pair, simulation, generator) for pair in CIRCUITS.values())
    found = pd.DataFrame(
        dict(zip(CIRCUITS, (autocorrelation(states, LAGS)[:, 0] for states in simulated), strict=True))
    )
    figure = px.line(known, labels={"index": "lag (bits)", "value": "autocorrelation of neuron 1"})
    circles = px.scatter(found, symbol_sequence=["circle-open"]).update_traces(showlegend=False, marker_size=7)
    return explore.show(
        arranged(figure.add_traces(circles.data)),
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
        "the last N bits, for the match on the first and last of these. The title has both answers, before and after "
        "the flip.",
    )


def draw_what_counts(sequence: Tensor, span: int, flipped: int) -> go.Figure:
    changed = sequence.clone()
    changed[-1 - flipped] = 1 - changed[-1 - flipped]
    marks = [(13 - place, "bits", f"bit {int(bit)}") for place, bit in enumerate(changed[:, 0, 0].tolist())]
    marks += [(flipped, "bits", "flipped")]
    marks += [(back, "parity", "bits that count") for back in range(span)]
    marks += [(back, "match", "bits that count") for back in (span - 1, 0)]
    looks = {  # colour, symbol, size
        "bit 1": (COLOURS["blue"], "square", 11),
        "bit 0": (COLOURS["blue"], "square-open", 11),
        "flipped": (COLOURS["vermillion"], "circle-open", 22),
        "bits that count": (COLOURS["green"], "diamond", 9),
    }
    frame = pd.DataFrame(marks, columns=["bits back from the last", "row", "mark"])
    options = {"color": "mark", "symbol": "mark", "color_discrete_map": {mark: look[0] for mark, look in looks.items()}}
    options |= {"symbol_map": {mark: look[1] for mark, look in looks.items()}, "labels": {"row": ""}}
    figure = px.scatter(frame, x="bits back from the last", y="row", category_orders={"mark": list(looks)}, **options)
    figure.for_each_trace(lambda trace: trace.update(marker_size=looks[trace.name][2]))
    answers = {}
    for task in ("parity", "match"):
        before, after = (int(tasks.answers(task, bits, (span,))[0, 0]) for bits in (sequence, changed))
        answers[task] = f"{task} {before} → {after}" if before != after else f"{task} stays {after}"
    figure.update_xaxes(range=[13.8, -0.8], tickvals=list(range(0, 14, 2)))
    figure.update_yaxes(categoryarray=["match", "parity", "bits"], range=[-0.6, 2.6], showgrid=False)
    return arranged(figure, height=320, title="; ".join(answers.values()), margin_t=90)


def parity_chance(seed: int, sequences: int = 20_000) -> Explorer:
    """How often a parity is even."""
    generator, spans = torch.Generator().manual_seed(seed), range(2, 13)
    own, fair = (
        100 * (1 - tasks.draw("parity", spans, sequences, generator, rate=rate)[1].double().mean(1).numpy())
        for rate in ("task", 0.5)
    )
    formula = [100 * (0.5 + (0.5 / (span + 1) if span % 2 == 0 else 0)) for span in spans]
    frame = pd.DataFrame({"a rate for each sequence": own, "fair bits": fair, "formula": formula}, index=spans)
    colours = [COLOURS[name] for name in ("blue", "vermillion", "grey")]
    labels = {"index": "span N", "value": "sequences with even parity (%)"}
    figure = px.line(frame, markers=True, labels=labels, range_y=[45, 70], color_discrete_sequence=colours)
    figure.update_traces(mode="markers", marker_size=9, selector=lambda trace: trace.name != "formula")
    figure.update_traces(mode="lines", line_dash="dot", selector={"name": "formula"})
    return explore.show(
        arranged(figure.update_xaxes(dtick=1)),
        name="parity-chance",
        caption=f'Always answering "even" scores {own[0]:.1f} % at span 2 where each sequence has a rate of its own, '
        f"and {fair[0]:.1f} % on fair bits. {sequences:,} sequences; the formula is off by at most "
        f"{max(abs(own - formula)):.1f} percentage points.",
        alt="Share of sequences with even parity against the span. For a rate of its own per sequence it is 67 % at "
        "span 2, 60 % at 4, falling towards 50 %, and 50 % at odd spans; for fair bits 50 % throughout.",
    )


def untrained_modes(network: LeakyRNN) -> Explorer:
    """The eigenvalues of the linear part before training."""
    found, slowest = circuit.modes(network)
    kept = 1 - 1 / network.tau
    looks = {"neurons alone": ("vermillion", "line-ns-open"), "modes of the network": ("blue", "circle")}
    frame = pd.concat(
        pd.DataFrame(
            {"real part": values.real.numpy().round(4), "imaginary part": values.imag.numpy().round(4), "of": name}
        )
        for name, values in zip(looks, (kept.to(found.dtype), found), strict=True)
    )
    options = {"color": "of", "color_discrete_map": {name: COLOURS[colour] for name, (colour, _) in looks.items()}}
    options |= {"symbol": "of", "symbol_map": {name: symbol for name, (_, symbol) in looks.items()}, "opacity": 0.7}
    ranges = {"range_x": [-1.1, 1.1], "range_y": [-1.1, 1.1]}
    figure = px.scatter(frame, x="real part", y="imaginary part", **ranges, **options).update_yaxes(scaleanchor="x")
    circle = {"line": {"color": COLOURS["grey"], "dash": "dot"}, "showlegend": True, "name": "never fades"}
    figure.add_shape(type="circle", x0=-1, y0=-1, x1=1, y1=1, **circle)
    return explore.show(
        arranged(figure, width=480, height=480),
        name="untrained-modes",
        caption="Before training, the loops keep activity for a little longer than neurons would: the network's "
        f"slowest mode fades in {slowest:.1f} bits, its slowest neuron alone in {float(-1 / kept.max().log()):.1f}.",
        alt="Eigenvalues in the complex plane: a cloud well within the unit circle around 0.3, and on the real axis "
        "ticks for the neurons' own factors between 0 and 0.5.",
    )


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
