"""The figures of the chapter on surgery."""

from collections.abc import Mapping

import pandas as pd
import plotly.express as px

from brainlib import explore
from chapters.bdh.figures import BLUE, GREEN, RED, beside, recorded, tidy
from chapters.bdh.surgery import DIRECTIONS, SHARES

Table = Mapping[str, Mapping[str, float]]
LEARNT = ("fr→en", "it→en", "en→fr", "en→it")


def compared(table: Table, name: str, profile: str) -> pd.DataFrame:
    """A table of this run beside those of the recorded ones."""
    kept = recorded("surgery", profile)
    return beside(pd.DataFrame(table), [pd.DataFrame(run.content[name]) for run in kept], kept)


def share(by_share: Table) -> explore.Explorer:
    """The six directions of the merge at any share of the Italian clone, between the two clones."""
    french, italian = by_share[str(SHARES[0])], by_share[str(SHARES[-1])]
    top = 1.05 * max(max(losses.values()) for losses in by_share.values())
    colours = {"clone: French": BLUE, "merged": RED, "clone: Italian": GREEN}

    def mixed(share_of_the_Italian_clone):
        nearest = SHARES[round(share_of_the_Italian_clone * (len(SHARES) - 1))]
        three = zip(colours, (french, by_share[str(nearest)], italian), strict=True)
        figure = px.bar(
            pd.DataFrame(dict(three)).loc[list(DIRECTIONS)], barmode="group", color_discrete_map=colours,
            range_y=[0, top], labels={"value": "loss on the translation (nats a byte)", "index": ""},
        )  # fmt: skip
        return tidy(figure, height=380)

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
