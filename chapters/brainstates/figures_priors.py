"""The figures and tables of chapter 2."""

from typing import Any

import numpy as np
import pandas as pd
import plotly.express as px

from brainlib import explore
from brainlib.ledger import interval
from chapters.brainstates import priors
from chapters.brainstates.figures import LEGEND_ABOVE, heat_maps, largest, plain_titles, ranges, spread
from chapters.brainstates.priors import PLANS, lead, wide
from chapters.brainstates.table import (
    BERNOULLI,
    GAUSSIAN,
    GLM,
    INTEGRATED,
    L1,
    NAIVE,
    OFFICIAL,
    OPTIONS,
    POISSON,
    RELAXED,
    TABLE_1,
    TRUE,
)

BELOW = "below"
QUANTITIES = {  # of the forest plot: title and scale
    BELOW: ("below truth<br>(nats)", 1),
    "states": ("states<br>found (%)", 100),
    "signed_best": ("wiring of a<br>state (%)", 100),
    "shared_auc": ("shared<br>wiring (area)", 1),
}
PAPER = dict(  # its rows, in our words
    zip(
        ("GLM", "HMM Corr", "HMM Bern", "HG", "HG-L1", "GHG", "OHG"),
        (GLM, POISSON, BERNOULLI, NAIVE, L1, GAUSSIAN, RELAXED),
        strict=True,
    )
)
NAMES = dict(zip(("HG", "GHG", "OHG"), OFFICIAL, strict=True))  # of the official recipe
SHOWN = (NAIVE, L1, GAUSSIAN, INTEGRATED)
COLOURS = dict(zip((TRUE, *SHOWN), ("grey", "vermillion", "purple", "green", "blue"), strict=True))
BY_METHOD = {"color": "method", "color_discrete_map": {m: explore.COLOURS[c] for m, c in COLOURS.items()}}


def content(profile: str, seed: int) -> dict[str, Any]:
    """All that a run measured as plain JSON, and the wiring of its first brain."""
    found = {name: priors.run(name, profile, seed) for name in PLANS[profile].conditions()}
    tables = {name: one.drop(columns="coupling").astype(object) for name, one in found.items()}
    first = found["factorial"].drop_duplicates("method").set_index("method")["coupling"].dropna()
    wiring = {method: np.round(weights[:1], 3).tolist() for method, weights in first.items()}
    return {name: one.where(one.notna(), None).to_dict("records") for name, one in tables.items()} | {"wiring": wiring}


class Shown:
    """The run that figures show, `told` so in captions: at `ci` the recorded laptop run if there is one."""

    def __init__(self, profile: str, seed: int) -> None:
        self.content, self.told = largest("priors", profile, lambda: content(profile, seed))
        self.tables = {name: pd.DataFrame(rows) for name, rows in self.content.items() if name != "wiring"}
        for name in ("factorial", "few"):
            one = self.tables[name]
            truth = one[one["method"] == TRUE].set_index(["value", "seed"])["log_likelihood"]
            places = pd.MultiIndex.from_frame(one[["value", "seed"]])
            one[BELOW] = truth.reindex(places).to_numpy() - one["log_likelihood"].astype(float)
            one.loc[one["method"].isin((TRUE, BERNOULLI)), BELOW] = np.nan  # no distance, and one of other data

    def means(self, name: str, field: str, by: tuple[str, ...] = ("method",), scale: float = 1) -> pd.DataFrame:
        """Of each group the mean of a field over the brains, and what `up` and `down` are to the extremes."""
        known = self.tables[name].dropna(subset=field)
        return ranges(known.assign(mean=scale * known[field].astype(float)), list(by), "mean")

    def oracle(self) -> Any:
        """How many states the true parameters find, by the deviation of ln strength."""
        means = self.means("oracle", "states", ("value",), 100)
        labels = {"value": "standard deviation of the logarithm of strengths", "mean": "states found (%)"}
        figure = px.line(means, x="value", y="mean", error_y="up", error_y_minus="down", markers=True, labels=labels)
        figure.add_hline(TABLE_1["OHG"]["states"], line_dash="dash", annotation_text="the paper's one-hot model")
        figure.add_vline(1.5**0.5, line_dash="dot", annotation_text="printed")
        at = means.set_index("value")["mean"]
        printed, used = (at.iloc[np.abs(at.index - sd).argmin()] for sd in (1.5**0.5, 2.0))
        return explore.show(
            figure.update_layout(explore.WIDE),
            name="priors-oracle",
            caption=f"In {self.told} the true parameters find {printed:.0f} % of the states at the printed variance of "
            f"1.5, and {used:.0f} % at a standard deviation of 2. No fit can find more, and the paper's finds "
            f"{TABLE_1['OHG']['states']} %. Bars reach over the brains.",
            alt="A curve that rises with the standard deviation, from few of the states to nearly all; a dashed line "
            "marks the paper's share, a dotted one the printed deviation, where the curve lies far below.",
        )

    def forest(self) -> Any:
        """Every method by four numbers."""
        parts = [self.means("factorial", f, scale=k).assign(quantity=title) for f, (title, k) in QUANTITIES.items()]
        rows = pd.concat(parts)
        beside = (TRUE, GLM, POISSON, BERNOULLI)
        rows["fitted by"] = rows["method"].map(
            lambda m: "beside" if m in beside else "official recipe" if m in OFFICIAL else "EM"
        )
        order = [TRUE, INTEGRATED, RELAXED, L1, GAUSSIAN, NAIVE, *reversed(OFFICIAL), POISSON, BERNOULLI, GLM]
        figure = px.scatter(
            rows,
            x="mean",
            y="method",
            error_x="up",
            error_x_minus="down",
            color="fitted by",
            symbol="fitted by",
            facet_col="quantity",
            facet_col_spacing=0.03,
            category_orders={"method": order, "fitted by": ["EM", "official recipe", "beside"]},
            labels={"mean": "", "method": "", "fitted by": ""},
        )
        figure.update_xaxes(matches=None, nticks=4, tickangle=0).update_xaxes(type="log", dtick=1, col=1)
        truth, seconds = wide(self.tables["factorial"], BELOW), wide(self.tables["factorial"], "seconds").mean()
        behind = "; ".join(f"{m} {spread(truth[m])}" for m in (*OFFICIAL, NAIVE, L1, RELAXED, INTEGRATED))
        slow, fast = seconds[list(OFFICIAL)].mean(), seconds[NAIVE]
        return explore.show(
            plain_titles(figure).update_layout(explore.WIDE, height=470, margin_t=84, **LEGEND_ABOVE),
            name="priors-forest",
            caption=f"In {self.told}, nats by which an unseen sequence is less probable than under the true "
            f"parameters: {behind}. Dots are means, bars reach over the brains; the first axis is logarithmic. "
            f"A fit by the official recipe took {slow:.3g} s, the naive one by EM, its starts included, {fast:.3g}.",
            alt="Four panels with a row for each method: nats below the true parameters, states found, signed wiring "
            "of each state and shared wiring. Dots with bars, a colour for what was fitted by the official recipe, by "
            "EM, and for what stands beside.",
        )

    def wiring(self) -> Any:
        """The wiring of a state, true and found."""
        found = {m: np.array(w[0]) for m, w in self.content["wiring"].items() if m in (*SHOWN, RELAXED, *OFFICIAL)}
        true = np.array(self.content["wiring"][TRUE][0])
        size, shown = float(np.quantile(abs(true), 0.99)), abs(true) > 0.1

        def draw(model: str) -> Any:
            error = abs(found[model] - true)
            figure = heat_maps({"true": true, model: found[model]}, size, columns=2)
            title = f"mean error {error.mean():.3f}; of weights that are 0: {error[true == 0].mean():.3f}"
            return figure.update_layout(height=420, margin_t=80, title=title)

        false = {m: abs(w[true == 0]).mean() for m, w in found.items()}
        return explore.explorer(
            draw,
            name="priors-wiring",
            model=sorted(found, key=INTEGRATED.__ne__),
            caption=f"Weights of one state of one brain in {self.told}: {shown.sum()} of {true.size} are stronger than "
            f"0.1. Where there is no connection, the naive model by EM has weights of {false[NAIVE]:.3f} on average, "
            f"L1 of {false[L1]:.3f}, the integrated one-hot model of {false[INTEGRATED]:.3f}.",
            alt="Two heat maps of weights from neuron to neuron side by side, the true ones, mostly zero with a few "
            "strong entries, and those of the chosen model.",
        )

    def few(self) -> Any:
        """Likelihood and states by the number of training sequences."""
        whole = self.tables["factorial"]
        joined = pd.concat([self.tables["few"], whole[whole["method"].isin((TRUE, *SHOWN))]], ignore_index=True)
        self.tables["joined"] = joined
        panels = {BELOW: ("below the truth (nats a sequence)", 1), "states": ("states found (%)", 100)}
        rows = pd.concat(
            self.means("joined", f, ("method", "value"), k).assign(panel=title) for f, (title, k) in panels.items()
        )
        figure = px.line(
            rows,
            x="value",
            y="mean",
            error_y="up",
            error_y_minus="down",
            markers=True,
            facet_col="panel",
            facet_col_spacing=0.09,
            log_x=True,
            labels={"value": "training sequences", "mean": ""},
            **BY_METHOD,
        )
        numbers = sorted(joined["value"].unique())
        figure.update_yaxes(matches=None, showticklabels=True).update_yaxes(type="log", nticks=5, col=1)
        figure.update_xaxes(tickvals=numbers)
        ahead = {n: spread(lead(joined, "log_likelihood", INTEGRATED, NAIVE, L1, GAUSSIAN, value=n)) for n in numbers}
        words = "; ".join(f"{n:g}: {text}" for n, text in ahead.items())
        return explore.show(
            plain_titles(figure).update_layout(explore.WIDE, height=380, margin_t=60, **LEGEND_ABOVE),
            name="priors-few",
            caption=f"In {self.told}, nats of an unseen sequence by which the integrated one-hot model leads the best "
            f"of the three others, by the number of training sequences: {words}. Bars reach over the brains.",
            alt="Two panels against the number of training sequences: nats below the true parameters, falling, and "
            "states found, rising, for the naive, L1, Gaussian and one-hot models.",
        )

    def options(self) -> pd.DataFrame:
        """What each option adds to the integrated one-hot model, with its interval over brains."""
        base = self.tables["factorial"]
        added = {option: pd.concat([base, self.tables["options"]]) for option in OPTIONS}
        added[f"{(sign := 'one sign a source neuron')}, of brains that have it"] = self.tables["Dale"]
        fields = {"log_likelihood": 1, "states": 100, "signed_best": 100, "shared_auc": 1}
        titles = ("likelihood (nats a sequence)", "states (points)", "signed wiring (points)", "shared wiring (area)")
        rows = {
            name: [
                str(interval([k * x for x in lead(one, field, sign if name.startswith(sign) else name, INTEGRATED)]))
                for field, k in fields.items()
            ]
            for name, one in added.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index", columns=list(titles))

    def table_1(self) -> pd.DataFrame:
        """Table 1 as printed, and here by both optimisers, by the paper's rules."""
        fields = {"states": "states", "signed": "signed wiring", "shared": "shared wiring"}
        here = 100 * self.tables["factorial"].groupby("method")[list(fields)].agg(lambda one: one.astype(float).mean())
        paper = pd.DataFrame(TABLE_1).T.astype(float).loc[list(PAPER)]
        parts = {"the paper": paper, "here, official recipe": here.reindex([NAMES.get(m) for m in PAPER])}
        parts["here, EM"] = here.reindex(list(PAPER.values()))
        whole = pd.concat({k: v.set_axis(list(PAPER)).rename(columns=fields) for k, v in parts.items()}, axis=1)
        return whole.map(lambda x: "–" if x != x else f"{x:.1f}")
