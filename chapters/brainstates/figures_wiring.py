"""The figures of the chapter on wiring, of the largest run there is."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.express as px

from brainlib import explore
from brainlib.ledger import interval
from chapters.brainstates.anatomy import L1, ONE_HOT, RAW
from chapters.brainstates.figures import plain_titles
from chapters.brainstates.rivals import METHODS, ONE_HOTS
from chapters.brainstates.spiking import INHIBITORY
from chapters.brainstates.synapses import WITHOUT

COLOURS = {
    name: explore.COLOURS[colour]
    for name, colour in zip(
        (*METHODS, RAW), ("blue", "sky", "orange", "purple", "vermillion", "green", "green"), strict=True
    )
}
Found = Mapping[str, Any]


def network(found: Found, told: str) -> explore.Explorer:
    """The synapses among the seen neurons of one network, and what each method says of them."""
    first = next(iter(found.values()))
    matrices = {name: np.array(matrix, float) for name, matrix in first["example"].items()}
    order = sorted(range(len(matrices["true"])), key=lambda n: n % INHIBITORY == INHIBITORY - 1)
    panels = []
    for matrix in matrices.values():
        np.fill_diagonal(matrix, 0)
        shown = matrix[np.ix_(order, order)]
        panels.append(shown / max(np.quantile(abs(shown), 0.95), 1e-12))
    figure = px.imshow(
        np.stack(panels).clip(-1, 1).round(2),
        facet_col=0, facet_col_wrap=4, facet_row_spacing=0.12, zmin=-1, zmax=1,
        color_continuous_scale=explore.DIVERGING, labels={"x": "from", "y": "to", "color": ""},
    )  # fmt: skip
    names = list(matrices)
    figure.for_each_annotation(lambda note: note.update(text=names[int(note.text.split("=")[-1])]))
    areas = "; ".join(f"{method} {first['area'][method][0]:.2f}" for method in METHODS)
    return explore.show(
        figure.update_layout(explore.WIDE, height=440, margin_t=40),
        name="wiring-network",
        caption=f"The synapses between {len(order)} seen neurons of one network (those that excite first), and what "
        f"the methods say of them, each on a scale of its own, excitation red. Area under the curve: {areas} ({told}).",
        alt="Square matrices, to and from neurons: the true synapses, columns of one sign, and the methods' estimates.",
    )


def areas(found: Found, told: str) -> explore.Explorer:
    """The area under the curve by condition and method."""
    frame = _frame({name: one["area"] for name, one in found.items()}, "condition", "area under the curve")
    figure = _forest(frame, "area under the curve", "condition", facet_col_wrap=3, facet_row_spacing=0.2)
    figure.add_vline(x=0.5, line_dash="dot", line_color=explore.COLOURS["grey"])
    first, *_ = found
    means = {method: interval(values) for method, values in found[first]["area"].items()}
    return explore.show(
        figure.update_xaxes(range=(0.3, 1)).update_layout(height=210 + 170 * (len(found) > 3)),
        name="wiring-areas",
        caption=f"Of couples of a pair with a synapse and one without, the share ranked rightly ({first}): "
        + "; ".join(f"{method} {one}" for method, one in means.items())
        + f". Bars: 95 % over {len(next(iter(found[first]['area'].values())))} networks; a guess is 0.5 (dotted); "
        f"{WITHOUT}: against synapses that have no strength ({told}).",
        alt="For each condition a panel of points with bars: the area under the curve of each method.",
    )


def beliefs(found: Found) -> pd.DataFrame:
    """Percent of the pairs in which the one-hot priors believe, with synapses and without, mean over networks."""
    conditions = {"with synapses": next(iter(found.values())), WITHOUT: found[WITHOUT]}
    shares = {
        name: {method: 100 * np.mean(one["believed"][method]) for method in ONE_HOTS}
        for name, one in conditions.items()
    }
    return pd.DataFrame(shares).round(1)


def distance(found: Mapping[str, list[Found]], told: str) -> explore.Explorer:
    """Spearman's coefficient with distance, by retina and wiring."""
    label = "Spearman's coefficient"
    by_retina = {
        kind: _frame({name: _lists(blocks, kind) for name, blocks in found.items()}, "retina", label)
        for kind in ("spearman", "shuffled")
    }
    figure = _forest(by_retina["spearman"], label, "retina")
    shuffled = _forest(by_retina["shuffled"], label, "retina").update_traces(
        marker_symbol="circle-open", error_x_visible=False
    )
    figure.add_traces(shuffled.data).add_vline(x=0, line_dash="dot", line_color=explore.COLOURS["grey"])
    words = "; ".join(
        f"{name}: "
        + ", ".join(f"{wiring} {interval(_lists(blocks, 'spearman')[wiring])}" for wiring in (ONE_HOT, L1, RAW))
        for name, blocks in found.items()
    )
    return explore.show(
        figure.update_xaxes(range=(-1, 0.5)).update_layout(height=240),
        name="wiring-distance",
        caption=f"How closely wirings fall with the distance of electrodes (-1: perfectly). {words}. Bars: 95 % over "
        f"{len(next(iter(found.values())))} blocks of time of one animal each; hollow: places permuted ({told}).",
        alt="Two panels, one a retina: points with bars for the one-hot prior, L1's weights and correlation of counts.",
    )


def _lists(blocks: list[Found], kind: str) -> dict[str, list[float]]:
    return {name: [block[kind][name] for block in blocks] for name in (ONE_HOT, L1, RAW)}


def _frame(found: Mapping[str, Mapping[str, list[float]]], panel: str, value: str) -> pd.DataFrame:
    """Mean and half of the interval, a row for each panel and method."""
    rows = [(name, method, interval(values)) for name, by in found.items() for method, values in by.items()]
    return pd.DataFrame(
        {panel: name, "method": method, value: one.mean, "half": one.high - one.mean} for name, method, one in rows
    )


def _forest(frame: pd.DataFrame, value: str, panel: str, **options: Any) -> Any:
    figure = px.scatter(
        frame, x=value, y="method", error_x="half", color="method", facet_col=panel, color_discrete_map=COLOURS,
        labels={"method": ""}, **options,
    )  # fmt: skip
    figure.update_yaxes(range=(-0.6, frame["method"].nunique() - 0.4))
    return plain_titles(figure).update_layout(explore.WIDE, showlegend=False, margin_t=40)
