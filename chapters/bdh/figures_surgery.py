"""The figures of the chapter on surgery."""

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.express as px
import plotly.graph_objects as go

from brainlib import explore
from chapters.bdh.figures import BLUE, GREEN, GREY, PURPLE, RED, beside, recorded, spread, tidy, whose
from chapters.bdh.surgery import DIRECTIONS, SHARES

Table = Mapping[str, Mapping[str, float]]
LEARNT = ("fr→en", "it→en", "en→fr", "en→it")
MODELS = {
    "parent: Spanish": GREY,
    "clone: French": BLUE,
    "clone: Italian": GREEN,
    "merged": RED,
    "merged, then all pairs": PURPLE,
}


def compared(table: Table, name: str, profile: str) -> pd.DataFrame:
    """A table of this run beside those of the recorded ones."""
    kept = recorded("surgery", profile)
    return beside(pd.DataFrame(table), [pd.DataFrame(run.content[name]) for run in kept], kept)


def merging(table: Table, profile: str) -> explore.Explorer:
    """The six directions of the parent, the clones and their merge, of the recorded runs if there are any."""
    kept = recorded("surgery", profile)
    tables = [run.content["table"] for run in kept] or [table]
    mean = sum(map(pd.DataFrame, tables)) / len(tables)
    into, out = (
        [
            f"{(mean[one][french] + mean[other][italian]) / 2:.2f}"
            for one, other in (
                ("merged", "merged"),
                ("clone: French", "clone: Italian"),
                ("clone: Italian", "clone: French"),
            )
        ]
        for french, italian in (LEARNT[:2], LEARNT[2:])
    )
    return explore.show(
        _bars(tables),
        name="bdh-merge",
        caption=f"From French and Italian into English the merged model has {into[0]} nats a byte, the clone that was "
        f"taught the language {into[1]}, the other one {into[2]}; from English {out[0]}, {out[1]} and {out[2]} "
        f"({whose(kept, profile)}).",
        alt="Grouped bars for the six directions of translation: the loss of the parent, the two clones, the merged "
        "model and the merged model after a little training.",
    )


def _bars(tables: Sequence[Table]) -> go.Figure:
    """Six directions, a bar for each model; with several tables their mean, and their range as a line."""
    frame = pd.concat(pd.DataFrame(table).loc[list(DIRECTIONS)].melt(ignore_index=False) for table in tables)
    frame = spread(frame[frame["variable"].isin(MODELS)].rename_axis("way").reset_index(), "value", "variable", "way")
    figure = px.bar(
        frame, x="way", y="value", error_y="above", error_y_minus="below", color="variable", barmode="group",
        color_discrete_map=MODELS, labels={"value": "loss on the translation (nats a byte)", "way": ""},
    )  # fmt: skip
    return tidy(figure.update_traces(error_y_visible=len(tables) > 1), height=380)


def share(by_share: Table) -> explore.Explorer:
    """The six directions of the merge at any share of the Italian clone, between the two clones."""
    french, italian = by_share[str(SHARES[0])], by_share[str(SHARES[-1])]
    top = 1.05 * max(max(losses.values()) for losses in by_share.values())

    def mixed(share_of_the_Italian_clone):
        nearest = SHARES[round(share_of_the_Italian_clone * (len(SHARES) - 1))]
        bars = {"clone: French": french, "merged": by_share[str(nearest)], "clone: Italian": italian}
        return _bars([bars]).update_yaxes(range=[0, top])

    worst = {share: max(losses[way] for way in LEARNT) for share, losses in by_share.items()}
    best = min(worst, key=worst.get)
    return explore.explorer(
        mixed,
        name="bdh-merge-share",
        start={"share_of_the_Italian_clone": 0.5},
        share_of_the_Italian_clone=SHARES,
        caption="Of the four directions that a clone was taught, the worst has the lowest loss at a share of "
        f"{float(best):g}: {worst[best]:.2f} nats a byte, against {worst['0.0']:.2f} with the French clone alone and "
        f"{worst['1.0']:.2f} with the Italian alone.",
        alt="Three bars for each of six directions of translation: the loss of the French clone, of the model merged "
        "at the chosen share, and of the Italian clone.",
    )


def listed(gaps: Mapping[str, float]) -> str:
    return ", ".join(f"{gap:+.2f} ({direction})" for direction, gap in gaps.items())
