"""The figures and tables of the chapter that compares a Dragon Hatchling with a transformer."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.express as px

from brainlib import explore
from chapters.bdh import scaling
from chapters.bdh.capacity import power_law
from chapters.bdh.figures import BLUE, GREY, RED, beside, recorded, tidy, whose
from chapters.bdh.scaling import SCALINGS, Point, Scaling

LABELS = {"loss": "held-out loss (nats a byte)", "context": "bytes of context"}


def loss_by_size(points: Sequence[Point], profile: str) -> explore.Explorer:
    """Loss against parameters, of the recorded runs if there are any, with a power law through either family."""
    kept = recorded("scaling", profile)
    shown = [run.content["points"] for run in kept] or [points]
    frame = pd.DataFrame([point for run in shown for point in run]).sort_values(["family", "parameters"])
    axes = {"x": "parameters", "y": "loss", "color": "family", "log_x": True, "log_y": True, "labels": LABELS}
    colours = {"color_discrete_map": {"BDH": RED, "GPT": BLUE}}
    figure, falls = px.scatter(frame, symbol="family", **axes, **colours), ""
    for family, own in frame.groupby("family"):
        if own["parameters"].nunique() > 2:
            law = power_law(own["parameters"], own["loss"])
            falls += (
                f" The {family}'s loss falls with exponent {-law.exponent:.3f} ({-law.high:.3f} to {-law.low:.3f})."
            )
            line = px.line(own.assign(loss=law.scale * own["parameters"] ** law.exponent), **axes, **colours)
            figure.add_traces(line.update_traces(showlegend=False).data)
    gaps = np.mean([scaling.gaps(run) for run in shown], axis=0)
    first, last = frame["parameters"].iloc[0], frame[frame["family"] == "BDH"]["parameters"].iloc[-1]
    return explore.show(
        tidy(figure.update_traces(marker_size=9).update_xaxes(dtick=np.log10(2), tick0=5)),
        name="bdh-scaling",
        caption=f"BDH less GPT is {gaps[0]:+.3f} nats a byte at {first:,} parameters and {gaps[-1]:+.3f} at {last:,} "
        f"({whose(kept, profile)}); every point is one seed.{falls}",
        alt="Held-out loss against parameters on logarithmic axes for BDH and GPT, a straight line fitted through the "
        "points of either family.",
    )


def equal_cost(plan: Scaling, points: Sequence[Point], longer: Mapping[str, Point], profile: str) -> pd.DataFrame:
    """The second size at equal bytes, operations and seconds, beside the recorded runs."""

    def table(plan, points, longer):
        rows = {"BDH": points[1], "GPT, equal bytes": points[len(points) // 2 + 1]}
        rows |= {f"GPT, equal {name}": point for name, point in longer.items()}
        frame = pd.DataFrame(rows.values(), index=list(rows))
        read = frame["steps"] * plan.experiment.bytes_a_step
        forward = [scaling.forward_flops(plan.families[name][1], plan.experiment.length) for name in frame["family"]]
        columns = {"megabytes read": read / 1e6, "operations": 3 * read * forward}  # a backward pass is two forward
        return frame.assign(**columns)[[*columns, "seconds", "loss"]]

    kept = recorded("scaling", profile)
    larger = [table(SCALINGS[run.profile], run.content["points"], run.content["longer"]) for run in kept]
    return beside(table(plan, points, longer), larger, kept).map("{:.4g}".format)


def context(plan: Scaling, by_context: Mapping[str, Sequence[float]], profile: str) -> explore.Explorer:
    """Loss against bytes of context for the four ways of teaching, of the recorded runs if there are any."""
    kept = recorded("scaling", profile)
    length = (SCALINGS[kept[0].profile] if kept else plan).experiment.length
    shown = {
        name: np.mean([run.content["by_context"][name] for run in kept] or [curve], axis=0)
        for name, curve in by_context.items()
    }
    frame = pd.DataFrame(shown, index=scaling.contexts(length)).melt(ignore_index=False, value_name="loss")
    frame[["teaching", "synapses"]] = frame["variable"].str.split(", ", expand=True)
    figure = px.line(
        frame.rename_axis("context").reset_index(), x="context", y="loss", color="teaching", line_dash="synapses",
        color_discrete_map={"carried": RED, "crops": BLUE}, markers=True, log_x=True, labels=LABELS,
    )  # fmt: skip
    figure.add_vline(length, line={"dash": "dash", "color": GREY})
    changes = [f"{value:+.3f} ({name})" for name, value in scaling.gain_of_context(shown).items()]
    return explore.show(
        tidy(figure),
        name="bdh-context",
        caption="From contexts of up to a step (dashed line) to its eightfold and sixteenfold the loss changes by "
        f"{', '.join(changes)} nats a byte ({whose(kept, profile)}).",
        alt="Loss against bytes of context on a logarithmic axis for the four ways of teaching; a dashed line marks "
        "the length of a training step.",
    )
