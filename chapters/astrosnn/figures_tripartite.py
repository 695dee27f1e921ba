"""The figures and tables of the chapter on the tripartite synapse."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots

from brainlib import explore
from brainlib.arguments import seeded
from brainlib.astrosnn import AMSU, AMSUConfig
from brainlib.astrosnn.biophysics import simulate, stimulate
from brainlib.astrosnn.kernels.lif import SURROGATES, lif_trace, surrogate_gradient
from chapters.astrosnn import conventions, equivalence, forgetting
from chapters.astrosnn import one_synapse as synapse
from chapters.astrosnn.measures import MEMBRANE
from chapters.astrosnn.one_synapse import one_synapse
from chapters.astrosnn.physiology import over_rest, physiology, two_cues

COLOURS = explore.COLOURS
LEGEND_ABOVE = {"legend": {"yref": "container", "y": 1, "yanchor": "top"}}


def neuron() -> explore.Explorer:
    """A leaky neuron that hears a push and a burst."""
    current = torch.full((24, 1), 0.15, dtype=torch.float64)
    current[2], current[10:13] = 0.75, 0.6
    level = 0.15 / (1 - 0.5)  # where the background holds the membrane
    spikes, membrane, _ = lif_trace(current, state=torch.tensor([level], dtype=torch.float64))
    fired = spikes[:, 0].nonzero()[:, 0].tolist()
    figure = make_subplots(2, 1, shared_xaxes=True, row_heights=[0.35, 0.65])
    figure.add_bar(y=current[:, 0], name="current I", marker_color=COLOURS["grey"], row=1, col=1)
    figure.add_scatter(
        y=membrane[:, 0].numpy().round(4), name="membrane u", mode="lines+markers", line_color=COLOURS["blue"],
        row=2, col=1,
    )  # fmt: skip
    marker = {"symbol": "line-ns-open", "size": 14, "color": COLOURS["vermillion"], "line_width": 3}
    figure.add_scatter(x=fired, y=[1.35] * len(fired), name="spike", mode="markers", marker=marker, row=2, col=1)
    figure.add_hline(1.0, line={"dash": "dot", "color": COLOURS["grey"]}, row=2, col=1)
    figure.update_yaxes(title="input", row=1, col=1)
    figure.update_yaxes(title="membrane", range=[0, 1.5], row=2, col=1)
    figure.update_xaxes(title="time (tokens)", row=2, col=1)
    figure.update_layout(width=760, height=400)
    return explore.show(
        figure,
        name="lif-neuron",
        caption="One neuron, τ = 2. A push of 0.6 above the background lifts the membrane and leaks away: four tokens "
        f"later {float(membrane[6, 0]) - level:.4g} is left of it. A burst reaches the threshold of 1 (dotted) at "
        f"token {fired[0]}, and the reset starts the membrane from 0.",
        alt="Above, bars of input current: a weak background, one push, a burst of three. Below, the membrane rises "
        "with the push and decays, rises with the burst, crosses the dotted threshold with a spike, and falls back.",
    )


def conventions_table(seed: int) -> pd.DataFrame:
    """What three libraries call a leaky neuron, and how often each fires at the same input."""
    named = {
        "reconstruction": conventions.RECONSTRUCTION,
        "BrainCog": conventions.BRAINCOG,
        "SpikeGPT": conventions.SPIKEGPT,
    }
    current = 1.5 * torch.rand(1000, 64, generator=seeded(seed))
    return pd.DataFrame(
        {
            name: {
                "threshold": f"{one.threshold:g}",
                "input divided by τ": "yes" if one.decay_input else "no",
                "surrogate": one.surrogate,
                "gradient through the reset": "no" if one.detach_reset else "yes",
                "spikes a token, the same input": f"{float(one.scan(current)[0].mean()):.3f}",
            }
            for name, one in named.items()
        }
    )


def surrogates() -> explore.Explorer:
    """Four stand-ins for the derivative of a step."""
    z = torch.linspace(-1.5, 1.5, 241, dtype=torch.float64)
    figure, half = go.Figure(), {}
    colours, dashes = ("blue", "vermillion", "green", "purple"), ("solid", "dash", "dot", "dashdot")
    for name, colour, dash in zip(SURROGATES, colours, dashes, strict=True):
        bump = surrogate_gradient(z, name)
        half[name] = 2 * float(z[bump >= bump.max() / 2].max())
        line = {"color": COLOURS[colour], "dash": dash}
        figure.add_scatter(x=z, y=bump.numpy().round(4), name=name.replace("_", " "), mode="lines", line=line)
    figure.update_layout(explore.WIDE, xaxis_title="membrane above threshold, z", yaxis_title="what stands for ds/dz")
    widest, narrowest = max(half, key=half.get), min(half, key=half.get)
    return explore.show(
        figure,
        name="surrogates",
        caption="Four stand-ins for the derivative of a spike, at their usual slopes. They differ in reach: "
        f"{widest.replace('_', ' ')} stays above half of its height over a width of {half[widest]:.2f}, "
        f"{narrowest.replace('_', ' ')} over {half[narrowest]:.2f}. A neuron outside of the bump hardly learns.",
        alt="Four bumps centred at zero: two broad ones, a triangle that ends at one half, and one that is a narrow "
        "spike.",
    )


def forms_table(seeds: range) -> pd.DataFrame:
    """The largest differences of the forms from the loops, over the seeds."""

    def worst(kind: str, form: str, *fields: str) -> float:
        found = [equivalence.compared(seed)[kind][form] for seed in seeds]
        return max(getattr(one, field) for one in found for field in fields)

    columns = {"values": ("values", "split"), "gradients": ("gradients",)}
    return pd.DataFrame(
        {
            (kind, what): {form: f"{worst(kind, form, *fields):.0e}" for form in equivalence.FORMS}
            for kind in equivalence.KINDS
            for what, fields in columns.items()
        }
    ).rename_axis("largest relative difference from the loops")


def forgotten(seed: int) -> explore.Explorer:
    """What is left of an event in a membrane and in four heads."""
    found, heads = forgetting.left(seed), forgetting.GAMMAS
    delays, long = range(1, forgetting.DELAYS), forgetting.LONG
    shown = np.unique(np.geomspace(1, long - 1, 40).round().astype(int))
    figure = go.Figure()
    marker = {"color": COLOURS["blue"], "symbol": "circle-open"}
    figure.add_scatter(
        x=list(delays), y=found.membrane[1:].numpy(), name="membrane, τ = 2", mode="markers", marker=marker
    )
    for head, colour in enumerate(("vermillion", "green", "purple", "orange")):
        name, marker = f"astrocyte, {1 / float(1 - heads[head]):.4g} tokens", {"color": COLOURS[colour], "size": 5}
        figure.add_scatter(x=shown, y=found.astrocyte[shown, head].numpy(), name=name, mode="markers", marker=marker)
        theory = forgetting.ASTROCYTE_THEORY[shown, head].numpy()
        line = {"color": COLOURS[colour], "width": 1}
        figure.add_scatter(x=shown, y=theory, mode="lines", line=line, showlegend=False)
    line = {"color": COLOURS["blue"], "width": 1}
    theory = forgetting.MEMBRANE_THEORY[1:].numpy()
    figure.add_scatter(x=list(delays), y=theory, mode="lines", line=line, showlegend=False)
    figure.update_xaxes(title="delay D (tokens)", type="log")
    figure.update_yaxes(title="share left", type="log", range=[-6, 0.3], exponentformat="power", dtick=1)
    figure.update_layout(width=760, height=420, margin_t=90, **LEGEND_ABOVE)
    return explore.show(
        figure,
        name="forgetting",
        caption="What an event still counts D tokens later, by the kernels' gradients (marks) and as β^D and γ^D "
        f"(lines). After 16 tokens the membrane has {float(found.membrane[16]):.1e} left, the four heads "
        + ", ".join(f"{float(value):.2g}" for value in found.astrocyte[16])
        + f"; after {long - 1} the slowest still has {float(found.astrocyte[-1, -1]):.2f}.",
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
    return figure.update_layout(width=760, height=620, margin_t=90, bargap=0, **LEGEND_ABOVE)


def layer_memory(seed: int) -> explore.Explorer:
    """The memories of a layer's heads around an event."""
    layer = AMSU(AMSUConfig(dim=32, heads=4), seeded(seed))
    x = 0.05 * torch.randn(1, 256, 32, generator=seeded(seed))
    x[:, 20:28] += 2 * torch.randn(1, 8, 32, generator=seeded(seed + 1))
    quiet = x.clone()
    quiet[:, 20:28] = 0.05 * torch.randn(1, 8, 32, generator=seeded(seed + 2))
    with torch.no_grad():
        with_event, without = layer.trace(x), layer.trace(quiet)
    constants = 1 / (1 - layer.astrocyte.gamma())
    figure = go.Figure()
    for head, colour in enumerate(("vermillion", "green", "purple", "orange")):
        values, name = with_event.memory_norm[0, :, head].numpy().round(4), f"{float(constants[head]):.4g} tokens"
        figure.add_scatter(y=values, name=name, mode="lines", line_color=COLOURS[colour])
    figure.update_layout(explore.WIDE, xaxis_title="time (tokens)", yaxis_title="size of a head's memory, |H|")
    differ = (with_event.spikes != without.spikes)[0, 60:].float().mean()
    return explore.show(
        figure,
        name="layer-memory",
        caption="Eight loud tokens, from the 20th on, in a layer of 32 neurons with four heads; the legend gives the "
        "heads' time constants. The fast head soon holds little but the last tokens, the slow ones keep the event, "
        f"and the slowest goes on to add the background to it. From token 60 on, where a membrane has {0.5**33:.0e} "
        f"of it left, {100 * float(differ):.0f} % of the spikes still differ from those of a layer that did not hear "
        "it.",
        alt="Four curves over 256 tokens that jump at token 20. The one with the shortest time constant falls back at "
        "once, two decay ever more slowly, and the slowest keeps rising a little.",
    )


def four_clocks(seed: int) -> explore.Explorer:
    """How long membranes, glutamate, calcium and IP3 remember a cue of 0.3 s."""
    end = 0.8  # s
    zone = stimulate(np.random.default_rng(seed).uniform(20, 30, 16), 0.5, end, 2.0)
    course = simulate(zone.pulses, 60.0)
    heights, after = over_rest(course), course.time > end
    quick = slice(round(end / 1e-4), None)
    deviation = np.abs(zone.voltage[quick] - zone.voltage[0]).mean(1)
    glutamate = zone.glutamate[quick].mean(1)
    fine, coarse = 1e-4 * np.arange(len(deviation)), course.time[after] - end
    traces = {  # time, values, largest value, colour, dash
        "membranes": (fine, deviation, deviation[0], "blue", "solid"),
        "glutamate": (fine, glutamate, glutamate[0], "grey", "solid"),
        "calcium": (coarse, heights.calcium[after], heights.calcium.max(), "vermillion", "solid"),
        "IP3": (coarse, heights.ip3[after], heights.ip3.max(), "green", "dash"),
    }
    figure, clocks = go.Figure(), {}
    for name, (time, values, largest, colour, dash) in traces.items():
        count = 120 if time is fine else 160
        moments = np.unique(np.geomspace(1, len(time) - 1, count).round().astype(int))
        line = {"color": COLOURS[colour], "dash": dash}
        figure.add_scatter(x=time[moments], y=(values[moments] / largest).round(5), name=name, mode="lines", line=line)
        clocks[name] = float(time[np.flatnonzero(values > values.max() / 20)[-1]])
    figure.update_xaxes(title="seconds since the cue ended", type="log", range=[-3, 1.8])
    figure.update_yaxes(title="share of the largest", range=[-0.05, 1.05])
    figure.update_layout(explore.WIDE, height=380)
    return explore.show(
        figure,
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
    """The fall after one cue on a logarithmic axis, and two cues against the sum of each."""
    one = physiology(seed)
    figure = make_subplots(1, 2, subplot_titles=["after one cue", "two cues"], horizontal_spacing=0.12)
    lean = slice(None, None, 20)
    for name, label, colour, dash in (
        ("calcium", "calcium", "vermillion", "solid"),
        ("ip3", "IP3", "green", "dash"),
    ):
        values = getattr(one.course, name)
        shares, line = np.maximum(values / values.max(), 1e-3)[lean].round(5), {"color": COLOURS[colour], "dash": dash}
        figure.add_scatter(x=one.course.time[lean], y=shares, name=label, mode="lines", line=line, row=1, col=1)
    lean, (time, both, total) = slice(None, None, 10), two_cues(one)
    figure.add_scatter(
        x=time[lean], y=both[lean].round(4), name="calcium, both cues", mode="lines", showlegend=False,
        line_color=COLOURS["vermillion"], row=1, col=2,
    )  # fmt: skip
    figure.add_scatter(
        x=time[lean], y=total[lean].round(4), name="sum of each alone", mode="lines",
        line={"color": COLOURS["grey"], "dash": "dot"}, row=1, col=2,
    )  # fmt: skip
    figure.update_xaxes(title="time (s)", range=[0, 40])
    figure.update_yaxes(title="share of the peak", type="log", range=[-2, 0.1], dtick=1, row=1, col=1)
    figure.update_yaxes(title="calcium over rest (µM)", row=1, col=2)
    figure.update_layout(explore.WIDE, height=380, margin_t=80, **LEGEND_ABOVE)
    return explore.show(
        figure,
        name="calcium-shape",
        caption="Left: IP3 falls along a straight line, with a time constant of "
        f"{one.ip3.fall.time_constant:.1f} s; calcium stays high, then drops. Right: a second cue {one.gap:.1f} s "
        "after the first finds the gate shut, and its calcium differs from the sum (dotted) by "
        f"{100 * one.calcium.superposition:.0f} % of the peak.",
        alt="Left, on a logarithmic axis, IP3 is a straight line and calcium a plateau with a steep edge. Right, "
        "calcium after two cues: the second peak is much lower than the dotted sum of the two alone.",
    )


def tokens_table(seeds: range) -> pd.DataFrame:
    """Time constants in seconds and in tokens, if a token is what halves a membrane of 20 ms."""
    token = MEMBRANE * np.log(2)  # so that beta is 1/2
    found = [physiology(seed) for seed in seeds]
    falls = {
        "membrane": MEMBRANE,
        "calcium": np.mean([one.calcium.fall.time_constant for one in found]),
        "IP3": np.mean([one.ip3.fall.time_constant for one in found]),
    }
    rows = {
        "time constant (s)": "{:.3g}".format,
        "left after a token": lambda s: f"{np.exp(-token / s):.4f}",
        "1 / (1 − γ) (tokens)": lambda s: f"{1 / (1 - np.exp(-token / s)):.0f}",
    }
    return pd.DataFrame({row: {name: text(s) for name, s in falls.items()} for row, text in rows.items()})
