"""The figures and tables of the chapter on language."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from brainlib import explore, runs
from chapters.astrosnn import cost, language
from chapters.astrosnn.figures import bars, means, spread
from chapters.astrosnn.language import Plan, Result, Study
from chapters.astrosnn.language_models import model_config
from chapters.astrosnn.language_profiles import PLANS
from chapters.astrosnn.language_results import OURS, TRANSFORMER, early, late, lead

COLOURS = explore.COLOURS
GROUPS = {"astrocyte": COLOURS["vermillion"], "spiking": COLOURS["blue"], "of the field": COLOURS["green"]}
MAIN = "Shakespeare"


@dataclass(frozen=True)
class Shown:
    """Whose results the figures show: the recorded laptop runs', or where there are none this run's."""

    plan: Plan
    words: str
    results: Sequence[Mapping[str, Mapping[str, Result]]]  # by study and model, one a seed
    recorded: Sequence[runs.Run]

    @classmethod
    def of(cls, profile: str, own: Mapping[str, Mapping[str, Result]]) -> "Shown":
        """`own` are the results of this run."""
        recorded = [run for run in runs.kept("language") if run.profile == "laptop" != profile]
        if not recorded:
            return cls(PLANS[profile], f"this {profile} run (one seed)", [own], [])
        kept = [language.results_of(run.content["results"]) for run in recorded]
        return cls(PLANS["laptop"], f"the recorded laptop runs ({len(recorded)} seeds)", kept, recorded)

    @property
    def study(self) -> Study:
        """The first study."""
        return next(iter(self.plan.studies.values()))

    @property
    def order(self) -> list[str]:
        """The models of the first study from the highest loss to the lowest."""
        return sorted(self.study.models, key=lambda name: -fmean(self.values(name)))

    def values(self, name: str, field: str = "loss") -> list[Any]:
        """A field of one model's results in the first study, over the seeds."""
        return [getattr(found[MAIN][name], field) for found in self.results]

    def leads(self, other: str, name: str, study: str) -> list[float]:
        """By how much `name` has the lower loss, over the seeds."""
        return [lead(found[study], name, other) for found in self.results]

    def curve(self, name: str, field: str = "by_context") -> list[float]:
        """A curve's mean over the seeds."""
        return [fmean(values) for values in zip(*self.values(name, field), strict=True)]


def group(name: str) -> str:
    """The group that a model is drawn in."""
    if name.startswith("AM-SU") or name == "calcium":
        return "astrocyte"
    return "spiking" if name[:4] in ("LIF", "PLIF", "Spik") else "of the field"


def words(values: Sequence[float], form: str = ".3f") -> str:
    return spread(values, form)


def models_table(study: Study) -> pd.DataFrame:
    """Sizes of the models."""
    rows = {}
    for name in study.models:
        config = model_config(study.frame, name)
        built = language.untrained(config, device="cpu")
        rows[name] = {
            "channels": config.dim,
            "hidden neurons": config.hidden_size,
            "parameters": f"{config.parameters:,}",
            **{f"state after {c:,} bytes": f"{built.state_size(c):,}" for c in (study.length, 16 * study.length)},
        }
    return pd.DataFrame(rows).T


def losses(shown: Shown) -> explore.Explorer:
    """Held-out losses, a row a model."""
    order, values, figure = shown.order, shown.values, go.Figure()
    for label, colour in GROUPS.items():
        names = [name for name in order if group(name) == label]
        found = [values(name) for name in names]
        style = {"mode": "markers", "name": label, "marker": {"color": colour, "size": 10}}
        figure.add_scatter(x=means(found, 9), y=names, error_x=bars(found, 9), **style)
    figure.update_yaxes(categoryorder="array", categoryarray=order)
    figure.update_layout(explore.WIDE, height=440, xaxis_title="held-out loss (nats a byte)")
    return explore.show(
        figure,
        name="language-contestants",
        caption=f"In {shown.words}, AM-SU ends at {words(values('AM-SU'))} nats a byte, PLIF at "
        f"{words(values('PLIF'))}, SpikeGPT at {words(values('SpikeGPT'))}, the transformer with GELU at "
        f"{words(values(TRANSFORMER))}; the best is {order[-1]}. At about equal state AM-SU with small heads has "
        f"{words(values('AM-SU, small heads'))} and the wide PLIF {words(values('PLIF, wide'))}. Bars reach over the "
        "seeds.",
        alt="A row for each contestant, sorted by held-out loss, with a dot at its mean: contestants with an "
        "astrocyte, other spiking ones, and memories of the field in three colours.",
    )


def losses_table(shown: Shown):
    """Losses, learning rates, states and speeds of training."""
    rows = {
        name: {
            "held-out loss": words(shown.values(name)),
            "learning rate": ", ".join(sorted({f"{rate:g}" for rate in shown.values(name, "learning_rate")})),
            "state": f"{shown.values(name, 'state')[0]:,}",
            "kB/s in training": f"{fmean(shown.values(name, 'bytes_a_second')) / 1000:.1f}",
        }
        for name in reversed(shown.order)
    }
    return pd.DataFrame(rows).T.style.set_caption(shown.words)


def by_position(shown: Shown) -> explore.Explorer:
    """The loss by bytes of context, against one rival."""
    study, contexts = shown.study, list(shown.study.contexts)
    ours, lesioned = shown.curve(OURS), shown.curve(OURS, "lesioned")
    curves = {name: shown.curve(name) for name in study.models}
    gaps = {name: [a - b for a, b in zip(curve, ours, strict=True)] for name, curve in curves.items()}
    low = min(min(curve) for curve in curves.values()) - 0.05
    most = 1.1 * max(abs(gap) for curve in gaps.values() for gap in curve)

    def against(rival: str) -> go.Figure:
        figure = make_subplots(2, 1, shared_xaxes=True, vertical_spacing=0.08)
        for name, curve, colour, dash in (
            (OURS, ours, "vermillion", "solid"),
            (f"{OURS}, lesioned", lesioned, "grey", "dot"),
            (rival, curves[rival], "blue", "solid"),
        ):
            line = {"color": COLOURS[colour], "dash": dash}
            figure.add_scatter(x=contexts, y=curve, mode="lines+markers", name=name, line=line, row=1, col=1)
        for theirs, own in zip(shown.values(rival, "by_context"), shown.values(OURS, "by_context"), strict=True):
            gap, line = [a - b for a, b in zip(theirs, own, strict=True)], {"color": COLOURS["vermillion"], "width": 1}
            figure.add_scatter(x=contexts, y=gap, mode="lines+markers", line=line, showlegend=False, row=2, col=1)
        figure.add_hline(0, line={"color": COLOURS["grey"], "width": 1}, row=2, col=1)
        figure.add_vline(study.length, line={"dash": "dash", "color": COLOURS["grey"]})
        figure.update_xaxes(type="log", tickvals=contexts)
        figure.update_xaxes(title="bytes of context", row=2)
        figure.update_yaxes(title="loss (nats a byte)", range=[low, ours[0] + 0.4], row=1)
        figure.update_yaxes(title="AM-SU is better by", range=[-most, most], row=2)
        return figure.update_layout(explore.WIDE, height=500)

    plif, transformer = ((early(study, gaps[name]), late(study, gaps[name])) for name in ("PLIF", TRANSFORMER))
    return explore.explorer(
        against,
        name="language-by-position",
        rival=["PLIF", *(name for name in study.models if name not in (OURS, "PLIF"))],
        caption=f"In {shown.words}, AM-SU is better than PLIF by {plif[0]:+.3f} nats a byte with 16 bytes of context "
        f"or fewer and by {plif[1]:+.3f} with {study.length // 2} or more; than the transformer with GELU by "
        f"{transformer[0]:+.3f} and {transformer[1]:+.3f}. Without its astrocytes AM-SU loses "
        f"{late(study, lesioned) - late(study, ours):.3f} nats a byte there. Below, a line for each seed.",
        alt="Two panels over bytes of context on a logarithmic axis. Above, the loss of AM-SU, of AM-SU without its "
        "astrocytes and of a rival; below, the difference between rival and AM-SU for each seed.",
    )


def repetition_table(shown: Shown):
    """What a byte costs less the second time."""
    column = "gained by repetition (nats a byte)"
    rows = {name: {column: words(shown.values(name, "repeated"))} for name in reversed(shown.order)}
    return pd.DataFrame(rows).T.style.set_caption(shown.words)


def studies(shown: Shown) -> explore.Explorer:
    """By how much AM-SU leads in each study."""
    titles, figure = list(shown.plan.studies), go.Figure()
    rivals = ("PLIF", "SpikeGPT", TRANSFORMER)
    for rival, colour in zip(rivals, ("blue", "purple", "green"), strict=True):
        gains, colour = [shown.leads(rival, OURS, title) for title in titles], COLOURS[colour]
        figure.add_bar(x=titles, y=means(gains, 9), error_y=bars(gains, 9), name=f"than {rival}", marker_color=colour)
    figure.update_layout(explore.WIDE, barmode="group", yaxis_title="AM-SU is better by (nats a byte)")
    return explore.show(
        figure,
        name="language-studies",
        caption=f"In {shown.words}, AM-SU is better than PLIF by "
        + ", ".join(f"{words(shown.leads('PLIF', OURS, title), '+.3f')} ({title})" for title in titles)
        + " nats a byte. Bars below zero: it is worse. Whiskers reach over the seeds.",
        alt="Grouped bars, a group for each study and a bar for each rival: by how much the loss of AM-SU is lower.",
    )


def costs(shown: Shown, decoded: Mapping[str, Sequence[cost.Decoding]], profile: str) -> explore.Explorer:
    """Time and memory of a byte by the bytes read before; the recorded ones, or those `decoded` in this run."""
    drawn, machine = decoded, f"this {profile} run"
    if shown.recorded:
        kept = shown.recorded[0].content["decoding"]
        drawn = {name: [cost.Decoding(**one) for one in found] for name, found in kept.items()}
        machine = "the recorded laptop run"
    figure = make_subplots(1, 2, horizontal_spacing=0.14)
    for name, colour in zip(drawn, ("vermillion", "purple", "green"), strict=True):
        for column, field in ((1, "milliseconds"), (2, "state")):
            figure.add_scatter(
                x=[d.context for d in drawn[name]], y=[getattr(d, field) for d in drawn[name]], mode="lines+markers",
                line_color=COLOURS[colour], name=name, legendgroup=name, showlegend=column == 1, row=1, col=column,
            )  # fmt: skip
    ticks = [256, 4096, 65_536]
    figure.update_xaxes(title="bytes read before", type="log", tickvals=ticks, ticktext=[f"{t:,}" for t in ticks])
    figure.update_yaxes(type="log")
    figure.update_yaxes(title="time of a byte (ms)", col=1)
    figure.update_yaxes(title="numbers remembered", col=2)
    figure.update_layout(explore.WIDE)
    (first, *_, last), (short, *_, long) = drawn[OURS], drawn[TRANSFORMER]
    meets = cost.crossover(drawn[OURS], drawn[TRANSFORMER], "milliseconds")
    slower = f"From about {meets:,.0f} bytes on the transformer is the slower one"
    return explore.show(
        figure,
        name="language-cost",
        caption=f"From {first.context:,} to {last.context:,} bytes of text ({machine}), a byte of AM-SU takes "
        f"{first.milliseconds:.2f} to {last.milliseconds:.2f} ms and its state stays at {first.state:,} numbers; a "
        f"byte of the transformer goes from {short.milliseconds:.2f} to {long.milliseconds:.2f} ms and its cache from "
        f"{short.state:,} to {long.state:,}. {slower if meets < 1e9 else 'The transformer is never the slower one'}; "
        f"it remembers more from {first.state / (short.state / short.context):,.0f} bytes on.",
        alt="Two panels on logarithmic axes against the bytes read before: the time of a byte and the numbers "
        "remembered. Lines of AM-SU and the GRU are flat, those of the transformer rise.",
    )


def energy(shown: Shown) -> explore.Explorer:
    """The estimate of energy, split into multiplications and spikes."""
    found = {name: shown.values(name, "operations") for name in shown.order}
    spikes, total, dense = (
        {name: fmean(getattr(one, field) for one in operations) for name, operations in found.items()}
        for field in ("spike_nanojoules", "nanojoules", "dense_nanojoules")
    )
    ranked, figure = sorted(found, key=lambda name: -total[name]), go.Figure()
    multiplied = [total[name] - spikes[name] for name in ranked]
    parts = (("multiplications", multiplied, "blue"), ("spikes", [spikes[n] for n in ranked], "vermillion"))
    for label, values, colour in parts:
        figure.add_bar(x=values, y=ranked, orientation="h", name=label, marker_color=COLOURS[colour])
    marker = {"symbol": "line-ns-open", "size": 14, "color": COLOURS["grey"]}
    name = "if spikes were numbers"
    figure.add_scatter(x=[dense[n] for n in ranked], y=ranked, mode="markers", name=name, marker=marker)
    figure.update_layout(explore.WIDE, height=460, barmode="stack", xaxis_title="energy of a byte (nJ)")
    fired = [100 * fmean(one.rates.values()) for one in found[OURS]]
    return explore.show(
        figure,
        name="language-energy",
        caption=f"In {shown.words}, {words(fired, '.1f')} % of AM-SU's neurons fire at a byte. By the estimate a byte "
        f"costs it {total[OURS]:.0f} nJ, of which spikes are {100 * spikes[OURS] / total[OURS]:.0f} %; "
        f"{dense[OURS]:.0f} nJ if spikes were numbers, and {total[TRANSFORMER]:.0f} nJ for the transformer with GELU "
        f"(within a crop of {shown.study.length} bytes).",
        alt="Horizontal stacked bars, one for each contestant: the estimated energy of a byte, split into "
        "multiplications and spikes, and a mark where it would be if spikes were numbers.",
    )


def rates_table(shown: Shown) -> pd.DataFrame:
    """How often the neurons of AM-SU fire, map by map."""
    counted = shown.values(OURS, "operations")
    rows = {
        name.removeprefix("blocks."): {"share that fires (%)": words([100 * one.rates[name] for one in counted], ".1f")}
        for name in counted[0].rates
    }
    return pd.DataFrame(rows).T
