"""The figures of the chapter on the Dragon Hatchling."""

from dataclasses import asdict
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor

from brainlib import bdh, data, explore, runs
from brainlib.bdh import BDH
from brainlib.explore import COLOURS
from brainlib.training import History
from chapters.bdh.experiments import Experiment

SENTENCE = "The king is dead. Long live the king!"
TICKS = {
    "tickvals": list(range(len(SENTENCE))),
    "ticktext": [letter.replace(" ", "␣") for letter in SENTENCE],
    "tickangle": 0,
    "tickfont": {"size": 11},
}


def bytes_a_step(experiment: Experiment) -> int:
    return experiment.batch * experiment.length


def loss(history: History, experiment: Experiment, bigram: float, profile: str) -> explore.Explorer:
    """Training and held-out loss of this run and of recorded larger ones, against millions of bytes read."""
    figure = go.Figure(_curve(asdict(history), bytes_a_step(experiment), f"this run ({profile})", COLOURS["blue"]))
    ends = ""
    for run in runs.kept("shakespeare"):
        if run.profile != profile:
            kept, name = run.content["history"], f"recorded ({run.profile})"
            figure.add_traces(_curve(kept, run.content["bytes_a_step"], name, COLOURS["vermillion"]))
            ends += f"; the recorded {run.profile} run ends at {kept['evaluations'][-1][1]:.2f}"
    figure.add_hline(bigram, line={"dash": "dot", "color": COLOURS["grey"]}, annotation_text="bigram model")
    figure.update_layout(explore.WIDE, xaxis_title="text read (millions of bytes)", yaxis_title="loss (nats a byte)")
    figure.update_xaxes(type="log", dtick=1)
    return explore.show(
        figure,
        name="bdh-loss",
        caption=f"The loss on held-out text falls below the bigram model's {bigram:.2f} nats a byte: "
        f"to {history.evaluations[-1][1]:.2f} after {len(history.losses):,} steps{ends}.",
        alt="Training and held-out loss fall steeply at first and then ever more slowly on a logarithmic axis of bytes "
        "read, and end far below the dotted line of the bigram model.",
    )


def _curve(history: dict[str, Any], bytes_a_step: int, name: str, colour: str) -> list[go.Scatter]:
    """Training loss (mean of 20 steps, thin) and held-out loss (points)."""
    smooth = pd.Series(history["losses"]).rolling(20, min_periods=1).mean()[9::10]
    held = history["evaluations"]
    return [
        go.Scatter(
            x=[step * bytes_a_step / 1e6 for step in smooth.index + 1],
            y=smooth,
            name=f"{name}: training",
            line={"color": colour, "width": 1, "dash": "solid"},
        ),
        go.Scatter(
            x=[step * bytes_a_step / 1e6 for step, _ in held],
            y=[loss for _, loss in held],
            name=f"{name}: held out",
            mode="lines+markers",
            line={"color": colour, "width": 2.5, "dash": "solid"},
        ),
    ]


def density_table(activity: bdh.Activity, before: bdh.Activity) -> pd.DataFrame:
    """Percent of x and y above zero in every layer, trained and untrained."""
    return pd.DataFrame(
        {
            f"{part}, {name}": bdh.density(getattr(seen, part)).cpu() * 100
            for part in ("x", "y")
            for name, seen in (("untrained", before), ("trained", activity))
        },
        index=[f"layer {layer + 1}" for layer in range(len(activity.x))],
    )


def density(share: pd.DataFrame) -> explore.Explorer:
    figure = go.Figure()
    colours = ("#9AB8CE", COLOURS["blue"], "#E3B394", COLOURS["vermillion"])
    for name, colour in zip(share, colours, strict=True):
        figure.add_bar(x=list(share.index), y=share[name], name=name, marker_color=colour)
    figure.update_layout(explore.WIDE, yaxis_title="entries above zero (%)", barmode="group")
    mean = share.mean()
    return explore.show(
        figure,
        name="bdh-density",
        caption=f"Training silences the neurons: on held-out text x falls from {mean['x, untrained']:.0f} % to "
        f"{mean['x, trained']:.0f} % and y from {mean['y, untrained']:.0f} % to {mean['y, trained']:.1f} % (means over "
        "layers). It is y that becomes sparse.",
        alt="Grouped bars for each layer: the share of x and y above zero before and after training. y after training "
        "is the lowest bar in every layer.",
    )


def read_sentence(model: BDH) -> bdh.Activity:
    return bdh.record_activity(model, data.encode(SENTENCE)[None].to(model.embedding.device))


def weights_of_copies(model: BDH, activity: bdh.Activity, windows: Tensor) -> tuple[float, float]:
    """On held-out text, in the first layer, of bytes more than 8 back: the mean weight of the same letter, and that of
    all others."""
    first = bdh.attention_scores(model, activity, 0).cpu()
    first = first / first.abs().amax(-1, keepdim=True).clamp_min(1e-12)
    far = torch.ones(windows.shape[1], windows.shape[1]).tril(-9).bool()
    same = (windows[:, :, None] == windows[:, None, :])[:, None].expand_as(first)
    return float(first[far & same].mean()), float(first[far & ~same].mean())


def attention(model: BDH, activity: bdh.Activity, windows: Tensor) -> explore.Explorer:
    """Which earlier bytes of the sentence each byte attends to, layer by layer and head by head."""
    reading = read_sentence(model)

    def hears(layer, head):
        weight = bdh.attention_scores(model, reading, layer - 1)[0, head - 1].cpu()
        weight = weight / weight.abs().amax(1, keepdim=True).clamp_min(1e-12)
        past = weight.masked_fill(torch.ones_like(weight).triu().bool(), float("nan"))
        heatmap = go.Heatmap(z=past.numpy(), zmin=-1, zmax=1, colorscale=explore.DIVERGING, colorbar_title="weight")
        figure = go.Figure(heatmap)
        figure.update_xaxes(title="byte that is heard", **TICKS)
        figure.update_yaxes(title="byte that is read", autorange="reversed", showgrid=False, **TICKS)
        return figure.update_layout(width=620, height=600)

    copies, others = weights_of_copies(model, activity, windows)
    return explore.explorer(
        hears,
        name="bdh-hears",
        layer=range(1, model.config.layers + 1),
        head=range(1, model.config.heads + 1),
        caption="Each byte hears its nearest past most. Of what is further than 8 bytes back, it hears earlier copies "
        f"of itself: in the first layer their mean weight is {copies:.2f} on held-out text, that of other bytes "
        f"{others:.2f} (all heads).",
        alt="A triangular heat map of a sentence against itself. A band along the diagonal is strongest, the nearest "
        "past; away from it, weak cells lie where the same letter was read before.",
    )


def neuron(model: BDH) -> explore.Explorer:
    """A neuron of the last layer while the sentence is read, and the synapses onto it."""
    reading, last = read_sentence(model), model.config.layers - 1
    x, y = reading.x[last, 0], reading.y[last, 0]  # heads, time, neurons of a head
    names = {
        f"head {n // y.shape[2] + 1}, neuron {n % y.shape[2]}": divmod(n, y.shape[2])
        for n in y.sum(1).flatten().topk(6).indices.tolist()
    }
    sigma = {name: bdh.synapses_of(model, reading, last, *place)[0].cpu() for name, place in names.items()}

    def neuron_reads(neuron, byte):
        head, index = names[neuron]
        synapses = sigma[neuron]
        strongest = synapses.abs().amax(0).topk(12).indices
        figure = make_subplots(2, 1, row_heights=[0.5, 0.5], vertical_spacing=0.24)
        for name, values, colour in (("x: excited", x, "blue"), ("y: speaks", y, "vermillion")):
            figure.add_scatter(
                y=values[head, :, index].cpu(), name=name, mode="lines+markers", line_color=COLOURS[colour],
                row=1, col=1,
            )  # fmt: skip
        figure.add_vline(byte - 1, line={"dash": "dot", "color": COLOURS["grey"]}, row=1, col=1)
        figure.add_bar(
            x=[str(int(i)) for i in strongest], y=synapses[byte - 1, strongest], marker_color=COLOURS["green"],
            showlegend=False, row=2, col=1,
        )  # fmt: skip
        limit = float(synapses[:, strongest].abs().max()) * 1.1
        figure.update_xaxes(row=1, col=1, **TICKS)
        figure.update_xaxes(title="neuron i of the layer below", type="category", row=2, col=1)
        figure.update_yaxes(title="activation", rangemode="tozero", row=1, col=1)
        figure.update_yaxes(title="synapse σ(i, j)", range=[-limit, limit], row=2, col=1)
        return figure.update_layout(width=760, height=520)

    return explore.explorer(
        neuron_reads,
        name="bdh-neuron",
        start={"byte": 24},
        neuron=list(names),
        byte=range(1, len(SENTENCE) + 1),
        caption="A synapse is written only at the bytes that excite its neuron; between them it merely turns with its "
        "pair of neurons.",
        alt="Two panels. Above, two lines over the bytes of the sentence, mostly at zero with a few peaks, and a "
        "dotted line at the chosen byte. Below, twelve bars, the neuron's strongest synapses at that byte; they grow "
        "after each peak.",
    )
