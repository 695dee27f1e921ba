"""The figures of the chapter that compares a Dragon Hatchling with a transformer."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import log10
from textwrap import wrap

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import torch

from brainlib import data, explore, runs
from brainlib.explore import COLOURS
from brainlib.runs import Run
from brainlib.training import byte_losses
from chapters.bdh import scaling
from chapters.bdh.experiments import Model
from chapters.bdh.power_law import power_law
from chapters.bdh.scaling import SCALINGS, Point, Scaling, gain_of_context, gain_of_translation

FAMILIES = {"BDH": (COLOURS["vermillion"], "circle"), "GPT": (COLOURS["blue"], "diamond")}


def recorded(profile: str) -> list[Run]:
    """The recorded runs of larger profiles."""
    return [run for run in runs.kept("scaling") if run.profile != profile]


def points_of(run: Run) -> list[Point]:
    return [Point(**content) for content in run.content["points"]]


def sizes(plan: Scaling) -> pd.DataFrame:
    """What is compared: parameters and operations, size by size."""
    rows = []
    for bdh, gpt in zip(plan.bdh, plan.gpt, strict=True):
        flops = [scaling.forward_flops(config, plan.experiment.length) for config in (bdh, gpt)]
        rows.append(
            {
                "BDH: neurons": f"{bdh.neurons:,}",
                "BDH: parameters": f"{bdh.parameters:,}",
                "GPT: layers x width": f"{gpt.layers} x {gpt.dim}",
                "GPT: parameters": f"{gpt.parameters:,}",
                "operations of BDH / GPT": f"{flops[0] / flops[1]:.1f}",
            }
        )
    return pd.DataFrame(rows, index=[f"size {size + 1}" for size in range(len(rows))])


def loss_by_size(plan: Scaling, points: Sequence[Point], profile: str) -> explore.Explorer:
    """Loss against parameters, of the recorded runs if there are any, with a power law through either family."""
    kept = recorded(profile)
    shown = [points_of(run) for run in kept] or [points]
    frame = pd.DataFrame([asdict(point) for run in shown for point in run])
    figure = go.Figure()
    for family, (colour, symbol) in FAMILIES.items():
        own = frame[frame.family == family]
        marker = {"color": colour, "symbol": symbol, "size": 9}
        figure.add_scatter(x=own.parameters, y=own.loss, mode="markers", name=family, marker=marker)
        if own.parameters.nunique() > 2:
            law = power_law(list(own.parameters), list(own.loss))
            ends = [own.parameters.min(), own.parameters.max()]
            figure.add_scatter(
                x=ends, y=[law(end) for end in ends], mode="lines", line={"color": colour},
                name=f"{family}: exponent {-law.exponent:.3f} ({-law.high:.3f} to {-law.low:.3f})",
            )  # fmt: skip
    figure.update_layout(
        explore.WIDE,
        xaxis={"title": "parameters", "type": "log"},
        yaxis={"title": "held-out loss (nats a byte)", "type": "log"},
    )
    plan = SCALINGS[kept[0].profile] if kept else plan
    gaps = np.mean([scaling.gaps(plan, run) for run in shown], axis=0)
    which = f"the recorded {kept[0].profile} runs" if kept else f"this {profile} run"
    return explore.show(
        figure,
        name="bdh-scaling",
        caption=f"In {which} BDH less GPT is {gaps[0]:+.3f} nats a byte at {plan.bdh[0].parameters:,} parameters and "
        f"{gaps[-1]:+.3f} at {plan.bdh[-1].parameters:,}; every point is one seed.",
        alt="Held-out loss against parameters on logarithmic axes for BDH and GPT, a straight line fitted through the "
        "points of either family.",
    )


def equal_cost(plan: Scaling, points: Sequence[Point], longer: Mapping[str, Point], profile: str) -> pd.DataFrame:
    """The second size at equal bytes, operations and seconds, beside the recorded runs."""
    middle = len(points) // 2 + 1
    rows = {"BDH": points[1], "GPT, equal bytes": points[middle]}
    rows |= {f"GPT, equal {name}": point for name, point in longer.items()}
    bytes_a_step = plan.experiment.batch * plan.experiment.length
    table = pd.DataFrame(
        [
            {
                "megabytes read": f"{point.steps * bytes_a_step / 1e6:.2f}",
                "operations": f"{_operations(plan, point):.2g}",
                "seconds": f"{point.seconds:.0f}",
                "held-out loss": f"{point.loss:.3f}",
            }
            for point in rows.values()
        ],
        index=list(rows),
    )
    losses = []
    for run in recorded(profile):
        large, content = points_of(run), run.content["longer"]
        middle = len(large) // 2 + 1
        losses.append([large[1].loss, large[middle].loss, *(content[name]["loss"] for name in longer)])
        equal = scaling.steps_of_equal_flops(SCALINGS[run.profile], size=1)
        print(
            f"recorded {run.profile} run, seed {run.seed}: the GPT of equal operations did "
            f"{content['operations']['steps'] / equal:.2f} times those of the BDH; a step of the BDH took "
            f"{large[1].seconds / large[middle].seconds:.1f} times a GPT's"
        )
    if losses:
        name = f"{recorded(profile)[0].profile}, mean of {len(losses)} seeds"
        table[name] = [f"{mean:.3f}" for mean in np.mean(losses, axis=0)]
    return table


def _operations(plan: Scaling, point: Point) -> float:
    """Of the whole training, a backward pass being two forward ones."""
    a_token = 3 * scaling.forward_flops(plan.families[point.family][1], plan.experiment.length)
    return a_token * point.steps * plan.experiment.batch * plan.experiment.length


def directions(points: Sequence[Point], profile: str) -> explore.Explorer:
    """Each language on its own and as a translation, by the largest models of the recorded run or of this."""
    kept = recorded(profile)
    shown = points_of(kept[0]) if kept else points
    largest = {family: [point for point in shown if point.family == family][-1] for family in FAMILIES}
    labels = {
        "English alone": "en",
        "English from Spanish": "es→en",
        "Spanish alone": "es",
        "Spanish from English": "en→es",
    }
    figure = go.Figure()
    for family, point in largest.items():
        figure.add_bar(
            x=list(labels), y=[point.directions[label] for label in labels.values()],
            name=f"{family}, {point.parameters:,} parameters", marker_color=FAMILIES[family][0],
        )  # fmt: skip
    figure.update_layout(explore.WIDE, barmode="group", yaxis_title="held-out loss (nats a byte)")
    gains = (f"{gain_of_translation(point):+.3f} nats a byte ({family})" for family, point in largest.items())
    return explore.show(
        figure,
        name="bdh-directions",
        caption=f"To be read as a translation changes the loss of a verse by {' and '.join(gains)}, compared with "
        "reading it on its own (largest models).",
        alt="Grouped bars: loss of English alone, English from Spanish, Spanish alone and Spanish from English for the "
        "largest BDH and the largest GPT.",
    )


def verse(model: Model, held_out: Sequence[data.Pair]) -> explore.Explorer:
    """The loss at every byte of a Spanish verse, with the English verse before it and without."""
    examples = [pair for pair in held_out if 60 < len(pair[1].encode()) < 110][::37][:8]

    def surprise(before, text):
        """Loss at the bytes of `text`, read after `before`."""
        both = data.encode(before + text)
        return byte_losses(model, both, 1, len(both))[0][len(data.encode(before)) :]

    def draw(number):
        english, spanish = examples[number - 1]
        figure = go.Figure()
        for name, before, colour in (
            ("read on its own", "<F:es>", "grey"),
            ("read as a translation", f"<F:en>{english}<T:es>", "vermillion"),
        ):
            losses = surprise(before, spanish)
            label = f"{name}: {float(losses.mean()):.2f}"
            figure.add_scatter(y=losses, mode="lines", name=label, line_color=COLOURS[colour])
        letters = data.decode(data.encode(spanish)).replace(" ", "␣")
        places = [len(spanish[:i].encode()) for i in range(len(spanish))]
        figure.update_xaxes(tickvals=places, ticktext=list(letters), tickangle=0, tickfont={"size": 9})
        return figure.update_layout(
            explore.WIDE,
            xaxis_title="the Spanish bytes; in English:<br>" + "<br>".join(wrap(english, 70)),
            yaxis={"title": "loss (nats a byte)", "range": [0, 9]},
        )

    alone, after = (
        torch.cat([surprise(before(english), spanish) for english, spanish in examples])
        for before in (lambda _: "<F:es>", "<F:en>{}<T:es>".format)
    )
    cheaper = float((after < alone).float().mean()) * 100
    return explore.explorer(
        draw,
        name="bdh-verse",
        number=range(1, len(examples) + 1),
        caption=f"Over these {len(examples)} verses the largest BDH of this run pays {float(alone.mean()):.3f} nats "
        f"for a Spanish byte on its own and {float(after.mean()):.3f} after the English verse; {cheaper:.0f} % of the "
        "bytes become cheaper.",
        alt="Two lines over the letters of a Spanish verse, the loss with and without the English verse before it; "
        "both peak at the beginnings of words.",
    )


def context(plan: Scaling, by_context: Mapping[str, torch.Tensor], profile: str) -> explore.Explorer:
    """Loss against bytes of context for the four ways of teaching, of the recorded runs if there are any."""
    kept, shown, length = recorded(profile), by_context, plan.experiment.length
    if kept:
        length = SCALINGS[kept[0].profile].experiment.length
        shown = {name: torch.tensor([run.content["by_context"][name] for run in kept]).mean(0) for name in by_context}
    figure = go.Figure()
    for name, losses in shown.items():
        teaching, memory = name.split(", ")
        colour = COLOURS["vermillion" if teaching == "carried" else "blue"]
        figure.add_scatter(
            x=scaling.contexts(length), y=losses, mode="lines+markers", name=name,
            line={"color": colour, "dash": "solid" if memory == "fading" else "dot"},
        )  # fmt: skip
    figure.add_vline(length, line={"dash": "dash", "color": COLOURS["grey"]})
    figure.add_annotation(x=log10(length), y=1, yref="paper", xanchor="left", text=" length of a step", showarrow=False)
    figure.update_layout(
        explore.WIDE,
        xaxis={"title": "bytes of context", "type": "log"},
        yaxis_title="held-out loss (nats a byte)",
    )
    which = f"the recorded {kept[0].profile} runs" if kept else f"this {profile} run"
    return explore.show(
        figure,
        name="bdh-context",
        caption=f"In {which}, from contexts of up to a step to its eightfold and sixteenfold the loss changes by "
        + ", ".join(f"{value:+.3f} ({name})" for name, value in gain_of_context(shown).items())
        + " nats a byte.",
        alt="Loss against bytes of context on a logarithmic axis for the four ways of teaching; a dashed line marks "
        "the length of a training step.",
    )
