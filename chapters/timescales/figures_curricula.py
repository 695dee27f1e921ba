"""The figures and tables of chapter 2."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from IPython.display import Markdown
from plotly.subplots import make_subplots

from brainlib import explore, runs
from brainlib.explore import Explorer
from brainlib.timescales.curricula import Curriculum
from brainlib.timescales.training import TrainedNetwork
from chapters.timescales import released
from chapters.timescales.learning_curves import LearningCurve, Price, gathered, leads
from chapters.timescales.settings import SETTINGS

Curves = Mapping[str, list[LearningCurve]]

BLUE, ORANGE, GREEN = explore.COLOURS["blue"], explore.COLOURS["vermillion"], explore.COLOURS["green"]
PURPLE, GREY = explore.COLOURS["purple"], explore.COLOURS["grey"]
COLOURS = {"single-head": ORANGE, "multi-head": BLUE}
FIXED = {"": BLUE, ", tau 1": ORANGE, ", tau 2": GREEN, ", tau 3": PURPLE}
WINDOWS = COLOURS | {"sliding window": GREEN, "sliding window, fresh heads": PURPLE}
OTHERS: dict[str, tuple[str, Price]] = {
    "delayed match": ("match", "epochs"),
    "parity, LSTM": ("lstm", "operations"),
    "parity, GRU": ("gru", "operations"),
}


@dataclass(frozen=True)
class Sources:
    """This run, and the recorded laptop runs if there are some and this is none of them.

    `curves` are learning curves by source and condition; `main` is the source that is drawn solid and of which captions
    speak, `told` its name there.
    """

    curves: dict[str, Curves]
    this: str
    main: str
    told: str
    recorded: list[runs.Run]

    @property
    def best(self) -> Curves:
        """Those of the main source."""
        return self.curves[self.main]

    def dash(self, source: str) -> str:
        return "solid" if source == self.main else "dot"


def sources(profile: str, curves: Curves) -> Sources:
    """The curves of this run, beside what is recorded."""
    recorded = [run for run in runs.kept("curricula") if run.profile == "laptop" != profile]
    size = {name: SETTINGS[name].conditions["single-head"].units for name in (profile, "laptop")}
    this = f"this run ({profile}, {size[profile]} units)"
    if not recorded:
        return Sources({this: curves}, this, this, f"this {profile} run", [])
    larger = f"recorded (laptop, {size['laptop']} units)"
    earlier = gathered(run.content["courses"] for run in recorded)
    told = f"the recorded laptop runs ({len(earlier['multi-head'])} seeds)"
    return Sources({this: curves, larger: earlier}, this, larger, told, recorded)


def spread(values: Iterable[float], digits: int = 3) -> str:
    """Mean and range, for captions and notes."""
    values = list(values)
    if not values:
        return "not run"
    mean, low, high = (f"{v:.{digits}g}" for v in (fmean(values), min(values), max(values)))
    return mean if low == high else f"{mean} ({low} to {high})"


def ends(curves: Curves, condition: str) -> str:
    """The longest spans solved."""
    return spread((curve.reached() for curve in curves.get(condition, [])), 2)


def changes(curves: Curves, condition: str, what: str) -> str:
    """By how much one number of the time constants changed from before training to the longest span solved."""
    return spread(getattr(curve.tau_change, what) for curve in curves.get(condition, []))


def lead(curves: Curves, first: str, second: str, by: Price = "epochs") -> str:
    return spread(leads(curves.get(first, []), curves.get(second, []), by), 2)


def stages(curriculum: Curriculum, count: int = 3) -> dict[str, str]:
    """Spans and heads of the first stages, in words."""

    def words(numbers: Sequence[int]) -> str:
        return "..".join(map(str, sorted({numbers[0], numbers[-1]})))

    return {
        f"stage {stage}": "–"
        if stage and curriculum.last(0)
        else f"{words(curriculum.spans(stage))} by {words(curriculum.heads(stage))}"
        for stage in range(count)
    }


def trained_table(trained: Mapping[str, Sequence[TrainedNetwork]]) -> pd.DataFrame:
    """What was trained, how long and how far."""
    return pd.DataFrame(
        {
            f"{condition} ({networks[0].config.units} units)": {
                "longest span solved": spread((one.longest for one in networks), 2),
                "epochs": spread((len(one.history) for one in networks), 2),
                "operations": f"{fmean(one.history[-1].operations for one in networks):.3g}",
                "trained on": networks[0].trained_on,
            }
            for condition, networks in trained.items()
        }
    ).T


def add_steps(
    figure: go.Figure, curves: Sequence[LearningCurve], by: Price, name: str, style: dict, col: int = 1
) -> None:
    """A line of steps for every network: the longest span solved against its price."""
    for number, curve in enumerate(curves):
        price, spans = curve.path(by)
        shown = {"name": name, "legendgroup": name, "showlegend": not number and col == 1}
        figure.add_scatter(x=price, y=spans, mode="lines", line={"shape": "hv"} | style, **shown, row=1, col=col)


def add_race(
    figure: go.Figure, found: Sources, conditions: Mapping[str, str], by: Price = "epochs", col: int = 1
) -> None:
    for source, curves in found.curves.items():
        for condition, colour in conditions.items():
            width = 2 if source == found.main else 1.2
            style = {"color": colour, "width": width, "dash": found.dash(source)}
            add_steps(figure, curves.get(condition, []), by, f"{condition}, {source}", style, col=col)


def race(found: Sources) -> Explorer:
    """How far the two curricula led, for epochs and for operations."""
    figure = make_subplots(1, 2, shared_yaxes=True, horizontal_spacing=0.04)
    add_race(figure, found, COLOURS, "epochs", 1)
    add_race(figure, found, COLOURS, "operations", 2)
    figure.update_xaxes(title="epochs", row=1, col=1)
    figure.update_xaxes(title="floating-point operations", exponentformat="power", row=1, col=2)
    figure.update_yaxes(title="longest span solved (bits)", row=1, col=1)
    figure.update_layout(explore.WIDE, height=400)
    by_epochs = lead(found.best, "multi-head", "single-head")
    by_operations = lead(found.best, "multi-head", "single-head", "operations")
    return explore.show(
        figure,
        name="curricula-race",
        caption=f"In {found.told}, when the shorter of the two trainings ends, the multi-head curriculum leads by "
        f"{by_epochs} spans at equal epochs and by {by_operations} at equal operations. Every line is one network.",
        alt="Two panels of lines that rise in steps, the longest span solved against epochs and against operations; "
        "the multi-head lines rise faster and further than the single-head ones.",
    )


def reached(curves: Curves, curriculum: str) -> str:
    """The longest spans by what tau was fixed to."""
    return ", ".join(
        f"{ends(curves, curriculum + tau)} ({tau.removeprefix(', ') or 'trained'})"
        for tau in FIXED
        if curves.get(curriculum + tau)
    )


def fixed_time_constants(found: Sources) -> Explorer:
    """Learning curves with trained and with fixed time constants."""
    titles = ("multi-head", "single-head")
    figure = make_subplots(1, 2, subplot_titles=titles, horizontal_spacing=0.1)
    for column, curriculum in enumerate(titles, start=1):
        for tau, colour in FIXED.items():
            name = tau.removeprefix(", ").replace("tau", "τ =") or "trained"
            curves = found.best.get(curriculum + tau, [])
            add_steps(figure, curves, "epochs", name, {"color": colour}, col=column)
    figure.update_xaxes(title="epochs")
    figure.update_yaxes(title="longest span solved (bits)", col=1)
    figure.update_layout(explore.WIDE, height=420, margin_t=70, legend_y=1.1)
    return explore.show(
        figure,
        name="curricula-fixed",
        caption=f"Longest spans solved in {found.told}: multi-head {reached(found.best, 'multi-head')}; single-head "
        f"{reached(found.best, 'single-head')}. Every line is one network.",
        alt="Two panels of rising steps, longest span solved against epochs, multi-head and single-head, a colour for "
        "trained time constants and one for each fixed value.",
    )


def no_curriculum(found: Sources, profile: str) -> Explorer | Markdown:
    """Accuracy on the longest span, trained from scratch or with all spans at once."""
    scratch = {c: k for c, k in found.best.items() if c.startswith(("from scratch", "all at once"))}
    if not scratch:
        return Markdown(f"*Not run at the {profile} profile.*")
    figure = go.Figure()
    for (condition, curves), colour in zip(scratch.items(), (ORANGE, GREEN, PURPLE, BLUE, GREY), strict=False):
        for number, curve in enumerate(curves):
            figure.add_scatter(
                x=list(range(1, len(curve.accuracy) + 1)),
                y=[share * 100 for share in curve.accuracy],
                mode="lines",
                line_color=BLUE if condition.startswith("all") else colour,
                name=condition.replace(", ", ", span "),
                legendgroup=condition,
                showlegend=not number,
            )
    figure.add_hline(98, line={"dash": "dash", "color": GREY})
    figure.update_layout(explore.WIDE, xaxis_title="epochs")
    figure.update_yaxes(title="right answers, longest span (%)", range=[45, 101])
    outcome = ", ".join(
        f"{condition}: {spread(c.accuracy[-1] * 100 for c in curves)} % after "
        f"{spread((len(c.accuracy) for c in curves), 2)} epochs"
        for condition, curves in scratch.items()
    )
    return explore.show(
        figure,
        name="curricula-scratch",
        caption=f"In {found.told}, right answers on the longest span when training ends. {outcome}. The dashed line "
        "is the gate.",
        alt="Accuracy on the longest span against epochs for networks taught without a curriculum, one line a network.",
    )


def windows(found: Sources) -> Explorer:
    """The sliding windows between the two main curricula."""
    figure = make_subplots(1, 1)
    add_race(figure, found, WINDOWS)
    axes = {"xaxis_title": "epochs", "yaxis_title": "longest span solved (bits)"}
    figure.update_layout(explore.WIDE, height=420, **axes)
    return explore.show(
        figure,
        name="curricula-window",
        caption=f"Longest spans solved when training ends in {found.told}: "
        + ", ".join(f"{condition} {ends(found.best, condition)}" for condition in WINDOWS)
        + ".",
        alt="Rising steps, longest span solved against epochs, for the single-head, the multi-head and two "
        "sliding-window curricula.",
    )


def others(found: Sources, profile: str) -> Explorer | Markdown:
    """Another task, other networks."""
    if not found.best.get("multi-head, match"):
        return Markdown(f"*Not run at the {profile} profile.*")
    figure = make_subplots(1, 3, subplot_titles=list(OTHERS), horizontal_spacing=0.07)
    for column, (remark, by) in enumerate(OTHERS.values(), start=1):
        for condition, colour in COLOURS.items():
            curves = found.best.get(f"{condition}, {remark}", [])
            add_steps(figure, curves, by, condition, {"color": colour}, col=column)
        figure.update_xaxes(title=by, exponentformat="power", row=1, col=column)
    figure.update_yaxes(title="longest span solved (bits)", col=1)
    figure.update_layout(explore.WIDE, height=400, margin_t=70, legend_y=1.12)
    ahead = ", ".join(
        f"{name}: {lead(found.best, f'multi-head, {remark}', f'single-head, {remark}', by)}"
        for name, (remark, by) in OTHERS.items()
    )
    return explore.show(
        figure,
        name="curricula-others",
        caption="By how many spans the multi-head curriculum leads when the shorter training ends, in "
        f"{found.told}. {ahead}. Every line is one network.",
        alt="Three panels of rising steps, longest span solved by single-head and multi-head networks: leaky networks "
        "on delayed match-to-sample, LSTM and GRU networks on parity.",
    )


def summaries(trained: Mapping[str, Sequence[TrainedNetwork]]) -> dict[str, dict[str, dict[str, float]]]:
    """Five numbers of the first network of each curriculum, at the spans of the authors' networks."""
    return {
        curriculum: {
            str(span): asdict(released.Summary.of(first.network_at(span)))
            for span in released.SUMMARIES[curriculum]
            if span in first.solved
        }
        for curriculum in COLOURS
        for first in trained[curriculum][:1]
    }


def beside_the_authors(profile: str, own: Mapping[str, Any], curves: Curves) -> pd.DataFrame | Markdown:
    """The authors' networks and ours of the same size, recorded or of this run."""
    full = [run for run in runs.kept("curricula") if run.profile == "paper"]
    if profile != "paper" and not full:
        return Markdown("*No run at full size has been recorded yet.*")
    if profile != "paper":
        own, curves = full[0].content["summaries"], gathered([full[0].content["courses"]])
    titles = {"tau_mean": "mean τ", "tau_std": "std τ", "tau_max": "max τ"}
    titles |= {"weight_mean": "mean weight", "spectral_radius": "spectral radius"}
    rows = {}
    for curriculum, spans in released.SUMMARIES.items():
        for span, theirs in spans.items():
            here = own.get(curriculum, {}).get(str(span))
            epoch = curves[curriculum][0].solved.get(span) if here else "–"
            row = {"epoch": f"{released.EPOCHS[curriculum][span]} / {epoch}"}
            for key, title in titles.items():
                digits = 5 if key == "weight_mean" else 3
                row[title] = f"{getattr(theirs, key):.{digits}f} / " + (f"{here[key]:.{digits}f}" if here else "–")
            rows[f"{curriculum}, span {span}"] = row
    return pd.DataFrame(rows).T
