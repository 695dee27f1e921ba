"""The figures and tables of the chapter on the tripartite synapse."""

import numpy as np
import pandas as pd
import plotly.express as px
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from brainlib import explore
from chapters.astrosnn import forgetting
from chapters.astrosnn import one_synapse as synapse
from chapters.astrosnn.biophysics import simulate, stimulate
from chapters.astrosnn.figures import ABOVE
from chapters.astrosnn.one_synapse import one_synapse
from chapters.astrosnn.physiology import over_rest, physiology

COLOURS = explore.COLOURS
LINES = [COLOURS[name] for name in ("blue", "vermillion", "green", "purple", "orange")]


def forgotten(seed: int) -> explore.Explorer:
    """What is left of an event in a membrane and in four heads."""
    membrane, heads = forgetting.left_in_membrane(seed), forgetting.left_in_astrocyte(seed)
    names = [f"astrocyte, {1 / (1 - gamma):.4g} tokens" for gamma in forgetting.GAMMAS.tolist()]
    left = pd.DataFrame(heads.numpy(), columns=names)
    left.insert(0, "membrane, τ = 2", pd.Series(membrane.numpy()))
    theory = pd.DataFrame(forgetting.ASTROCYTE_THEORY.numpy(), columns=names)
    theory.insert(0, "membrane, τ = 2", pd.Series(forgetting.MEMBRANE_THEORY.numpy()))
    shown = np.unique(np.geomspace(1, forgetting.LONG - 1, 40).round().astype(int))
    labels = {"index": "delay D (tokens)", "value": "share left", "variable": ""}
    figure = px.scatter(left.loc[shown], color_discrete_sequence=LINES, log_x=True, log_y=True, labels=labels)
    lines = px.line(theory.loc[shown], color_discrete_sequence=LINES).update_traces(showlegend=False, line_width=1)
    figure.add_traces(lines.data)
    figure.update_yaxes(range=[-6, 0.3], exponentformat="power", dtick=1)
    figure.update_layout(width=760, height=420, margin_t=90, **ABOVE)
    return explore.show(
        figure,
        name="forgetting",
        caption="What an event still counts D tokens later, by the kernels' gradients (marks) and as β^D and γ^D "
        f"(lines). After 16 tokens the membrane has {float(membrane[16]):.1e} left, the four heads "
        + ", ".join(f"{value:.2g}" for value in heads[16].tolist())
        + f"; after {forgetting.LONG - 1} the slowest still has {float(heads[-1, -1]):.2f}.",
        alt="Share left against delay, both axes logarithmic. The membrane's marks plunge below a millionth within 20 "
        "tokens; four heads stay near 1 and bend down one after the other, the slowest hardly at all. All marks lie "
        "on lines.",
    )


START = {
    "memory": 128.0,
    "gain": 0.36,
    "threshold": 1.0,
    "first_cue": 8,
    "second_cue": 40,
    "question": 92,
    "asked_for": "first",
}


def one_synapse_explorer() -> explore.Explorer:
    """One synapse that the page computes itself."""
    told, untold = one_synapse(**START), one_synapse(**START | {"first_cue": synapse.TOKENS})
    during = slice(START["question"], START["question"] + synapse.QUESTION)
    apart = float((told.membrane - untold.membrane)[START["question"] - 1].abs())
    return explore.simulation(
        synapse_traces,
        synapse.script(),
        name="one-synapse",
        memory=[2.0**n for n in range(1, 12)],
        gain=[k / 50 for k in range(31)],
        threshold=[k / 20 for k in range(10, 33)],
        first_cue=range(0, 121, 2),
        second_cue=range(0, 121, 2),
        question=range(0, 121, 2),
        asked_for=["first", "second"],
        start=START,
        caption=f"{START['question'] - START['first_cue'] - synapse.CUE + 1} tokens after the first cue ended, the "
        f"membrane differs by {apart:.1g} from that of a neuron which never heard it. Yet when the astrocyte is asked, "
        f"it lowers the threshold, and the neuron fires {int(told.spikes[during].sum())} times; without that cue it "
        f"fires {int(untold.spikes[during].sum())} times. Memory is the astrocyte's time constant; it and all times "
        "are in tokens.",
        alt="Four panels over 128 tokens. The current shows two bursts, and a shaded question later. What is kept of "
        "either cue rises with its burst and decays slowly. The membrane rises with the bursts only, but during the "
        "question the threshold that it sees dips below it. Spikes stand at the bursts and at the question.",
    )


def synapse_traces(memory, gain, threshold, first_cue, second_cue, question, asked_for) -> go.Figure:
    """The traces of one synapse; `meta` names the series of its script."""
    traces = one_synapse(float(memory), float(gain), float(threshold), first_cue, second_cue, question, asked_for)
    figure = make_subplots(4, 1, shared_xaxes=True, row_heights=[0.2, 0.25, 0.4, 0.15], vertical_spacing=0.04)
    for row, series, name, line in (
        (1, "current", "current I", {"color": COLOURS["grey"]}),
        (2, "first_kept", "kept of the first", {"color": COLOURS["green"]}),
        (2, "second_kept", "kept of the second", {"color": COLOURS["purple"], "dash": "dash"}),
        (3, "seen_threshold", "threshold it sees, θ − o", {"color": COLOURS["vermillion"], "dash": "dot"}),
        (3, "membrane", "membrane u", {"color": COLOURS["blue"]}),
    ):
        values = getattr(traces, series)
        figure.add_scatter(y=values, meta=series, name=name, mode="lines", line=line, row=row, col=1)
    figure.add_scatter(
        y=traces.question, meta="question", name="question", mode="lines", fill="tozeroy", row=1, col=1,
        line={"color": COLOURS["orange"], "shape": "hv", "width": 1},
    )  # fmt: skip
    figure.add_bar(
        y=traces.spikes, meta="spikes", name="spikes s", marker_color=COLOURS["blue"], showlegend=False, row=4, col=1
    )
    titles = (("heard", [0, 2.4]), ("H", [0, 4.2]), ("membrane", [-0.5, 2.6]), ("spikes", [0, 1]))
    for row, (title, values) in enumerate(titles, start=1):
        figure.update_yaxes(title=title, range=values, row=row, col=1)
    figure.update_yaxes(showticklabels=False, ticks="", row=4, col=1)
    figure.update_xaxes(title="time (tokens)", row=4, col=1)
    figure.update_xaxes(range=[-1, synapse.TOKENS])
    return figure.update_layout(width=760, height=620, margin_t=90, bargap=0, **ABOVE)


def four_clocks(seed: int) -> explore.Explorer:
    """How long membranes, glutamate, calcium and IP3 remember a cue of 0.3 s."""
    end = 0.8  # s
    zone = stimulate(np.random.default_rng(seed).uniform(20, 30, 16), 0.5, end, 2.0)
    course = simulate(zone.pulses, 60.0)
    heights, quick, slow = over_rest(course), zone.time >= end, course.time > end
    deviation = np.abs(zone.voltage[quick] - zone.voltage[0]).mean(1)
    traces = {  # time since the end, values, largest value
        "membranes": (zone.time[quick], deviation, deviation[0]),
        "glutamate": (zone.time[quick], zone.glutamate[quick].mean(1), zone.glutamate[quick][0].mean()),
        "calcium": (course.time[slow], heights.calcium[slow], heights.calcium.max()),
        "IP3": (course.time[slow], heights.ip3[slow], heights.ip3.max()),
    }
    rows, clocks = [], {}
    for name, (time, values, largest) in traces.items():
        moments = np.unique(np.geomspace(1, len(time) - 1, 150).round().astype(int))
        shares = (values / largest)[moments].round(5)
        rows.append(pd.DataFrame({"party": name, "time": time[moments] - end, "share": shares}))
        clocks[name] = float(time[np.flatnonzero(values > values.max() / 20)[-1]]) - end
    figure = px.line(
        pd.concat(rows), "time", "share", color="party", line_dash="party", log_x=True, range_y=[-0.05, 1.05],
        color_discrete_sequence=[COLOURS[name] for name in ("blue", "grey", "vermillion", "green")],
        labels={"time": "seconds since the cue ended", "share": "share of the largest", "party": ""},
    )  # fmt: skip
    figure.update_xaxes(range=[-3, 1.8])
    return explore.show(
        figure.update_layout(explore.WIDE),
        name="four-clocks",
        caption="Four clocks of one tripartite synapse. Until a twentieth is left, the neurons' membranes need "
        f"{1e3 * clocks['membranes']:.0f} ms from the end of the cue, glutamate {1e3 * clocks['glutamate']:.0f} ms; "
        f"the astrocyte's calcium {clocks['calcium']:.1f} s and its IP3 {clocks['IP3']:.0f} s. The "
        f"{int((zone.voltage >= 30).sum())} spikes of 16 neurons raised calcium from {course.calcium[0]:.2f} to "
        f"{course.calcium.max():.2f} micromolar.",
        alt="Share left against seconds since the cue on a logarithmic axis. Membranes fall within milliseconds, "
        "glutamate within a tenth of a second. Calcium is high for seconds, then drops steeply; IP3 declines over "
        "tens of seconds.",
    )


def calcium_shape(seed: int) -> explore.Explorer:
    """Calcium and IP3 after two cues, against the sum of what follows each."""
    one = physiology(seed)
    names = {"calcium": "calcium over rest (µM)", "ip3": "IP3 over rest (µM)"}
    courses = {
        "first cue alone": one.first._asdict(),
        "both cues": one.both._asdict(),
        "sum of each alone": {name: getattr(one.first, name) + getattr(one.second, name) for name in names},
    }
    rows = [
        pd.DataFrame({"time": one.first.time, "value": found[name], "heard": heard, "what": what})[::10]
        for heard, found in courses.items()
        for name, what in names.items()
    ]
    figure = px.line(
        pd.concat(rows).round(4), "time", "value", color="heard", line_dash="heard", facet_col="what", log_y=True,
        color_discrete_sequence=[COLOURS[name] for name in ("blue", "vermillion", "grey")],
        line_dash_sequence=["dash", "solid", "dot"], labels={"time": "time (s)", "value": "", "heard": ""},
        range_x=[0, 40], range_y=[0.005, 5],
    )  # fmt: skip
    figure.update_yaxes(dtick=1)
    figure.for_each_annotation(lambda note: note.update(text=note.text.split("=")[-1]))
    return explore.show(
        figure.update_layout(explore.WIDE, height=380, margin_t=80, **ABOVE),
        name="calcium-shape",
        caption=f"Right, IP3 falls along a straight line, with a time constant of {one.ip3.time_constant:.1f} s, and a "
        f"second cue {one.gap:.1f} s after the first adds to it. Left, calcium stays high, then drops; the second cue "
        f"finds the gate shut, and calcium differs from the sum (dotted) by {100 * one.calcium.superposition:.0f} % of "
        "the peak.",
        alt="Two panels on logarithmic axes over 40 seconds. Calcium is a plateau with a steep edge, and the second "
        "peak is much lower than the dotted sum of the two alone. IP3 after both cues is close to the sum, and its "
        "falls are straight lines.",
    )
