"""The figures of the chapter on surgery."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from IPython.display import Markdown

from brainlib import explore, ledger, runs
from brainlib.bdh import BDH
from brainlib.explore import COLOURS
from brainlib.runs import Run
from brainlib.training import History
from chapters.bdh.surgery import DIRECTIONS, Plan, losses_by_share

Table = Mapping[str, Mapping[str, float]]
SHARES = [step / 8 for step in range(9)]
LEARNT = ("fr→en", "it→en", "en→fr", "en→it")
BARS = {
    "parent: Spanish": "grey",
    "clone: French": "blue",
    "clone: Italian": "green",
    "merged": "vermillion",
    "merged, then all pairs": "purple",
}


def recorded(profile: str) -> list[Run]:
    """The recorded runs of the largest other profile."""
    larger = [run for run in runs.kept("surgery") if run.profile != profile]
    largest = max((ledger.PROFILES.index(run.profile) for run in larger), default=0)
    return [run for run in larger if run.profile == ledger.PROFILES[largest]]


def beside(table: Table, name: str, profile: str) -> pd.DataFrame:
    """A table of this run, with the mean of the recorded larger runs beside it."""
    frame, kept = pd.DataFrame(table), recorded(profile)
    if not kept:
        return frame
    mean = sum(pd.DataFrame(run.content[name]) for run in kept) / len(kept)
    return frame.join(mean, rsuffix=f" ({kept[0].profile}, {len(kept)} seeds)")


def merging(table: Table) -> explore.Explorer:
    """The six directions of the parent, the clones and their merge."""
    return explore.show(
        _bars([table]),
        name="bdh-merge",
        caption=_finding([table]),
        alt="Grouped bars for the six directions of translation: the loss of the parent, the two clones, the merged "
        "model and the merged model after a little training.",
    )


def merging_recorded(profile: str) -> explore.Explorer | Markdown:
    """The same of the recorded larger runs."""
    kept = recorded(profile)
    if not kept:
        return Markdown("*No larger run is recorded yet.*")
    tables = [run.content["table"] for run in kept]
    return explore.show(
        _bars(tables),
        name="bdh-merge-recorded",
        caption=f"The recorded larger runs ({kept[0].profile} profile, {len(kept)} seeds; lines reach from the lowest "
        f"to the highest). {_finding(tables)}",
        alt="The same grouped bars for the recorded larger runs, with the range over seeds.",
    )


def _bars(tables: Sequence[Table]) -> go.Figure:
    """Six directions, a bar for each model; with several tables their mean, and their range as a line."""
    figure = go.Figure()
    for name, colour in BARS.items():
        values = pd.DataFrame([table[name] for table in tables])[list(DIRECTIONS)]
        mean, several = values.mean(), len(tables) > 1
        ends = {"array": values.max() - mean, "arrayminus": mean - values.min()}
        figure.add_bar(
            x=list(DIRECTIONS), y=mean, name=name, marker_color=COLOURS[colour],
            error_y=ends | {"visible": several, "thickness": 1, "width": 2},
        )  # fmt: skip
    figure.update_layout(explore.WIDE, barmode="group", height=380)
    return figure.update_yaxes(title="loss on the translation (nats a byte)")


def _finding(tables: Sequence[Table]) -> str:
    """How the merged model does in French and Italian, in words."""
    mean = sum(pd.DataFrame(table) for table in tables) / len(tables)

    def of(french_by, italian_by, french, italian):
        return f"{(mean[french_by][french] + mean[italian_by][italian]) / 2:.2f}"

    sentences = []
    for way, *directions in (("into", "fr→en", "it→en"), ("from", "en→fr", "en→it")):
        taught = of("clone: French", "clone: Italian", *directions)
        untaught = of("clone: Italian", "clone: French", *directions)
        both = of("merged", "merged", *directions)
        mended = of("merged, then all pairs", "merged, then all pairs", *directions)
        sentences.append(
            f"French and Italian, {way} English: {both} nats a byte merged; {taught} by the clone that was taught the "
            f"language, {untaught} by the other one; {mended} merged and trained a little."
        )
    return " ".join(sentences)


def share(plan: Plan, french: BDH, italian: BDH) -> tuple[explore.Explorer, dict[str, dict[str, float]]]:
    """The six directions of the merge at any share of the Italian clone; and the losses at the shares of the grid."""
    at = losses_by_share(plan, french, italian)
    top = 1.05 * max(max(at(share).values()) for share in SHARES)

    def mixed(share_of_the_Italian_clone):
        figure = go.Figure()
        for name, losses, colour in (("French clone", at(0.0), "blue"), ("Italian clone", at(1.0), "green")):
            lines = {"symbol": "line-ew-open", "size": 42, "line_width": 3, "color": COLOURS[colour]}
            figure.add_scatter(x=list(DIRECTIONS), y=list(losses.values()), name=name, mode="markers", marker=lines)
        figure.add_bar(
            x=list(DIRECTIONS), y=list(at(share_of_the_Italian_clone).values()), name="merged",
            marker_color=COLOURS["vermillion"],
        )  # fmt: skip
        figure.update_layout(explore.WIDE, bargap=0.45)
        return figure.update_yaxes(title="loss on the translation (nats a byte)", range=[0, top])

    def worst(share):
        return max(at(share)[direction] for direction in LEARNT)

    best = min(SHARES, key=worst)
    shown = explore.explorer(
        mixed,
        name="bdh-merge-share",
        start={"share_of_the_Italian_clone": 0.5},
        share_of_the_Italian_clone=SHARES,
        caption="Of the four directions that a clone was taught, the worst has the lowest loss at a share of "
        f"{best:g}: {worst(best):.2f} nats a byte, against {worst(0.0):.2f} with the French clone alone and "
        f"{worst(1.0):.2f} with the Italian alone.",
        alt="Six bars, the loss of the merged model in six directions of translation at the chosen share, each between "
        "or near two short lines, the losses of the two clones.",
    )
    return shown, {str(share): at(share) for share in SHARES}


def without_bptt(
    plan: Plan,
    histories: Mapping[str, History],
    learned: Table,
    gain: Mapping[str, float],
    bigram: float,
    profile: str,
) -> explore.Explorer:
    """Training with and without gradients through time."""
    content = {name: asdict(histories[name]) for name in ("base", "present")}
    figure = go.Figure(_curves(content, plan.whole.batch * plan.whole.length, "this run", "solid"))
    kept = recorded(profile)
    for run in kept[:1]:
        label = f"recorded ({run.profile})"
        figure.add_traces(_curves(run.content["histories"], run.content["bytes_a_step"], label, "dot"))
    figure.update_layout(
        explore.WIDE, xaxis_title="text read (millions of bytes)", yaxis_title="training loss (nats a byte)"
    )
    figure.update_xaxes(type="log", dtick=1)
    recorded_gain = ""
    if kept:
        mean = pd.DataFrame([run.content["gain"] for run in kept]).mean()
        recorded_gain = (
            f"; in the {len(kept)} recorded runs it is {mean['through time']:.3f} and {mean['present only']:.3f}"
        )
    return explore.show(
        figure,
        name="bdh-no-bptt",
        caption=f"Without gradients through time the model learns English to {learned['present only']['en']:.2f} nats "
        f"a byte, with them to {learned['through time']['en']:.2f} (bigram model {bigram:.2f}). What it gains from "
        f"having read the translation is {gain['present only']:.3f} nats a byte without, "
        f"{gain['through time']:.3f} with them{recorded_gain}.",
        alt="Two falling curves of training loss against bytes read on a logarithmic axis: with and without gradients "
        "through time.",
    )


def _curves(content: Mapping[str, Any], bytes_a_step: int, label: str, dash: str) -> list[go.Scatter]:
    """Training loss, the mean of 20 steps, with and without gradients through time."""
    traces = []
    for name, title, colour in (("base", "through time", "blue"), ("present", "present only", "vermillion")):
        smooth = pd.Series(content[name]["losses"]).rolling(20, min_periods=1).mean()[4::5]
        traces.append(
            go.Scatter(
                x=[(step + 1) * bytes_a_step / 1e6 for step in smooth.index],
                y=smooth.round(4),
                name=f"{title}, {label}",
                line={"color": COLOURS[colour], "width": 2, "dash": dash},
            )
        )
    return traces


def listed(gaps: Mapping[str, float]) -> str:
    return ", ".join(f"{gap:+.2f} ({direction})" for direction, gap in gaps.items())
