"""The figures of the chapter that compares a Dragon Hatchling with a transformer."""

from collections.abc import Iterable

import pandas as pd
import plotly.express as px
import plotly.graph_objects as go

from brainlib import explore
from brainlib.ledger import interval
from chapters.bdh import scaling
from chapters.bdh.figures import BLUE, GREEN, PURPLE, RED, Sample, averaged, tidy
from chapters.bdh.scaling import FAMILIES

SIZE = "parameters without embedding and readout"
COLOURS = dict(zip(FAMILIES, (RED, BLUE, GREEN, PURPLE), strict=True))


def by_size(sample: Sample) -> explore.Explorer:
    """Loss against parameters, at equal bytes."""
    rows = pd.DataFrame(sample.content["rows"])
    bdh, gpt = (scaling.losses(rows, family) for family in FAMILIES[:2])
    gaps = gpt - bdh
    first, last = (f"{mean(gaps[size])} at {size:,}" for size in (gaps.columns[0], gaps.columns[-1]))
    figure = lines(rows[rows["family"].isin(FAMILIES[:2])], "parameters")
    return explore.show(
        tidy(figure.update_xaxes(tickvals=gaps.columns, title=SIZE)),
        name="bdh-scaling",
        caption=f"At equal bytes the GPT's loss less BDH's is {first} {SIZE} and {last}, in nats a byte; "
        f"each time both grow e-fold it changes by {mean(scaling.slopes(gaps))} (means and 95 % intervals over the "
        f"seeds of {sample.told}).",
        alt="Held-out loss against parameters on a logarithmic axis, a line with intervals for BDH, one for the GPT.",
    )


def by_cost(sample: Sample) -> explore.Explorer:
    """Loss against operations and against seconds."""
    rows = pd.DataFrame(sample.content["rows"])
    prices = ("operations", "seconds")
    shown = {price: rows[rows["family"].isin([*FAMILIES[:2], f"GPT, equal {price}"])] for price in prices}
    panels = pd.concat(own.assign(panel=price, price=own[price]) for price, own in shown.items())
    gaps = {
        price: scaling.losses(own, "BDH") - scaling.losses(own, f"GPT, equal {price}") for price, own in shown.items()
    }
    leads = [f"{mean(gap.iloc[:, -1])} at equal {price}" for price, gap in gaps.items()]
    figure = tidy(lines(panels, "price", facet_col="panel")).update_annotations(visible=False)
    for column, price in enumerate(prices, 1):
        figure.update_xaxes(matches=None, title=f"{price} of the training", col=column)
    return explore.show(
        figure,
        name="bdh-scaling-cost",
        caption=f"BDH's loss less that of a GPT as large as the largest BDH is {' and '.join(leads)}, in nats a byte "
        f"(means and 95 % intervals over the seeds of {sample.told}; seconds are those of its machine).",
        alt="Held-out loss against operations, and against seconds, on logarithmic axes: a line each for BDH, for the "
        "GPT after as many bytes, and for the GPT after as many operations or seconds.",
    )


def lines(rows: pd.DataFrame, x: str, **facets: str) -> go.Figure:
    """A line for each family, with the 95 % interval of each point."""
    found = averaged(rows[["family", x, *facets.values(), "loss"]], "loss")
    return px.line(
        found.sort_values(x), x=x, y="loss", error_y="half", color="family", markers=True, log_x=True,
        color_discrete_map=COLOURS, category_orders={"family": FAMILIES, "panel": ["operations"]},
        labels={"loss": "held-out loss (nats a byte)"}, **facets,
    )  # fmt: skip


def mean(values: Iterable[float]) -> str:
    return str(interval(list(map(float, values))))
