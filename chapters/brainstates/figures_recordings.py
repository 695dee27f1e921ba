"""The figures and tables of chapter 3."""

from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd
from plotly.subplots import make_subplots

from brainlib import explore, runs
from chapters.brainstates import anatomy, states
from chapters.brainstates.fits import FAMILIES, Fits, best, favourites, gains, interval, numbers

COLOURS = explore.COLOURS
FAMILY_COLOURS = dict(
    zip(FAMILIES, (COLOURS[c] for c in ("grey", "green", "purple", "vermillion", "blue")), strict=True)
)
PLACES = {
    "waves": "retina with waves",
    "knock-out": "retina, no beta-2",
    "hippocampus": "hippocampus",
    "maze": "prefrontal cortex",
}
BELOW = {"legend": {"y": 0, "yref": "container", "yanchor": "bottom"}}


def with_interval(values, digits: int = 2) -> str:
    """Mean and half of the 95 % interval over blocks."""
    mean, half = interval(values)
    return f"{mean:.{digits}f} ± {half:.{digits}f}"


def in_words(rows: list[dict], family: str, number: int) -> str:
    """A number of states, and whether more might be better still."""
    most = max(numbers(rows, family))
    return f"{number}, the most fitted" if number == most > 1 else f"{number}"


def sources(fits: dict[str, Fits]) -> pd.DataFrame:
    """What is read."""
    return pd.DataFrame(
        {
            PLACES[name]: {
                "neurons": f.sample.trials.neurons,
                "bin (ms)": round(f.sample.trials.bin_ms, 1),
                "bins": f.sample.trials.bins,
                "spikes": f.sample.trials.spikes,
                "pieces": len(f.sample.trials),
                "blocks held out by turns": f.setting.blocks,
                "source": f.sample.words,
            }
            for name, f in fits.items()
        }
    ).T


def weights(fits: Fits, split: int) -> pd.DataFrame:
    """How large the weights of each model become."""
    models = (("HG", 1), ("HG-L1", 1), ("OHG", 1), ("HG", 2), ("GHG", 2), ("HG-L1", 2), ("OHG", 2))
    columns = {}
    for family, number in models:
        coupling = fits.parameters(family, number, split).coupling
        columns[f"{family}, {number} state{'s' * (number > 1)}"] = {
            "largest |weight|": float(coupling.abs().max()),
            "median |weight|": float(coupling.abs().median()),
            "share of weights that are zero (%)": 100 * float((coupling == 0).float().mean()),
            "bits a spike, held out": fits.bits(family, number, split),
        }
    return pd.DataFrame(columns).round(3)


class Shown:
    """What this run measures (`measured`) beside the same of a recorded larger run; captions are about the largest."""

    def __init__(self, profile: str) -> None:
        self.measured: dict[str, Any] = {}
        self.samples = {f"this {profile} run": self.measured}
        for run in runs.kept("recordings"):
            if run.profile != profile:
                self.samples[f"the recorded {run.profile} run"] = run.content
        self.largest = list(self.samples)[-1]

    def _title(self, name: str, label: str) -> str:
        return f"{PLACES[name]}, {label.removeprefix('the recorded ').removeprefix('this ').removesuffix(' run')}"

    # ---- Likelihood ----

    def likelihood(self) -> Any:
        """Held-out likelihood by family and number of states, a panel a recording and run."""
        panels = [(label, name, rows) for label, one in self.samples.items() for name, rows in one["table"].items()]
        height = -(-len(panels) // 2)
        figure = make_subplots(
            height,
            min(2, len(panels)),
            subplot_titles=[self._title(name, label) for label, name, _ in panels],
            vertical_spacing=0.3 / height,
            horizontal_spacing=0.1,
        )
        outside = 0
        for place, (_, _, rows) in enumerate(panels):
            at = {"row": place // 2 + 1, "col": place % 2 + 1}
            tops = []
            for family, colour in FAMILY_COLOURS.items():
                tried = numbers(rows, family)
                found = [interval(gains(rows, family, number)) for number in tried]
                tops += [mean for mean, _ in found]
                figure.add_scatter(
                    x=tried,
                    y=[mean for mean, _ in found],
                    error_y={"array": [half for _, half in found], "thickness": 1, "width": 3},
                    mode="lines+markers",
                    line_color=colour,
                    name=family,
                    legendgroup=family,
                    showlegend=place == 0,
                    **at,
                )
            top = max(tops)
            outside += sum(mean < -0.2 * top for mean in tops)
            figure.update_yaxes(range=[-0.2 * top, 1.15 * top], **at)
        figure.update_xaxes(type="log", dtick=None, tickvals=[1, 2, 3, 4, 6, 8, 12, 20])
        figure.update_xaxes(title="states", row=height)
        figure.update_yaxes(title="bits a spike", col=1)
        figure.update_annotations(font_size=12)
        figure.update_layout(BELOW, width=760, height=90 + 270 * height)
        words = []
        for name, rows in self.samples[self.largest]["table"].items():
            top, glm = best(rows, FAMILIES, least=1), with_interval(gains(rows, "HG", 1))
            words.append(
                f"{PLACES[name]}: best {top[0]} (states: {in_words(rows, *top)}), {with_interval(gains(rows, *top))} "
                f"bits a spike; one-state GLM {glm}"
            )
        return explore.show(
            figure,
            name="recordings-likelihood",
            caption=f"Held-out likelihood beyond mean rates, {self.largest}. {'. '.join(words)}. Bars: 95 % of the "
            f"mean over blocks of time. {outside} points lie below their picture: models that predicted worse than "
            "mean rates.",
            alt="A panel for each recording: bits a spike on held-out blocks against the number of states, a line for "
            "each family of models.",
        )

    def table(self) -> pd.DataFrame:
        """The same as a table, of the largest run."""
        tables = {
            PLACES[name]: pd.DataFrame(
                {f: {str(n): with_interval(gains(rows, f, n)) for n in numbers(rows, f)} for f in FAMILIES}
            ).T
            for name, rows in self.samples[self.largest]["table"].items()
        }
        return pd.concat(tables).fillna("")

    def number_of_states(self) -> Any:
        """Held-out likelihood and BIC of the waves by the number of states."""
        titles = ["held out: higher is better", "BIC: lower is better"]
        figure = make_subplots(1, 2, subplot_titles=titles, horizontal_spacing=0.13)
        rows, families = self.samples[self.largest]["table"]["waves"], ("Poisson HMM", "GHG", "OHG")
        for family in families:
            tried = numbers(rows, family, least=2)
            for column, value in enumerate(("bits", "bic"), start=1):
                found = [interval(gains(rows, family, number, value)) for number in tried]
                figure.add_scatter(
                    x=tried,
                    y=[mean for mean, _ in found],
                    error_y={"array": [half for _, half in found], "thickness": 1, "width": 3},
                    mode="lines+markers",
                    line_color=FAMILY_COLOURS[family],
                    name=family,
                    showlegend=column == 1,
                    row=1,
                    col=column,
                )
        figure.update_xaxes(title="states")
        top = max(fmean(gains(rows, *best(rows, [family]))) for family in families)
        figure.update_yaxes(title="bits a spike", range=[-0.1 * top, 1.2 * top], col=1)
        figure.update_yaxes(title="BIC / 2 (nats a bin)", col=2)
        figure.update_annotations(font_size=13)
        figure.update_layout(explore.WIDE | BELOW, height=380)
        bits, bic = (", ".join(map(str, favourites(rows, "Poisson HMM", value))) for value in ("bits", "bic"))
        return explore.show(
            figure,
            name="recordings-number-of-states",
            caption=f"Retinal waves, {self.largest}. By block, held-out likelihood of the Poisson HMM is highest with "
            f"{bits} "
            f"states and BIC lowest with {bic}, of up to {max(numbers(rows, 'Poisson HMM'))} that were fitted. Means "
            "below zero are out of the picture.",
            alt="Two panels against the number of states: held-out bits a spike, and half the BIC in nats a bin, for "
            "the Poisson HMM, GHG and OHG.",
        )

    # ---- States ----

    def waves(self) -> pd.DataFrame:
        """The busier of two states against bursts."""
        words = {
            "precision": "precision",
            "recall": "recall",
            "phi": "φ",
            "share": "share of time in the busier state",
            "wave_ms": "its visits, mean (ms)",
            "silence_ms": "the quieter state's visits, mean (ms)",
            "wave_count": "spikes a bin, busier",
            "silence_count": "spikes a bin, quieter",
        }
        columns = {
            f"{family}, {label}": {word: with_interval([block[key] for block in blocks]) for key, word in words.items()}
            for label, content in self.samples.items()
            for family, blocks in content["waves"].items()
        }
        return pd.DataFrame(columns)

    def behaviour(self) -> Any:
        """What is done in each state of the hippocampus, and what the state tells."""
        seen = self.samples[self.largest]["behaviour"]
        titles = ["what is done in each state", "what the state tells"]
        figure = make_subplots(1, 2, subplot_titles=titles, horizontal_spacing=0.13)
        by_running = [sorted(block, key=lambda done: done[2] / max(sum(done), 1e-9)) for block in seen["shares"]]
        shares = 100 * np.mean(by_running, axis=0)
        for place, (doing, colour) in enumerate((("rest", "grey"), ("pause", "sky"), ("run", "vermillion"))):
            x = [f"{s + 1}" for s in range(len(shares))]
            figure.add_bar(x=x, y=shares[:, place], name=doing, marker_color=COLOURS[colour], row=1, col=1)
        for kind, word, colour in (("told", "its own piece", "blue"), ("other pieces", "other pieces", "grey")):
            figure.add_scatter(
                x=[q for q, values in seen[kind].items() for _ in values],
                y=[value for values in seen[kind].values() for value in values],
                mode="markers",
                marker={"color": COLOURS[colour], "size": 9},
                name=word,
                row=1,
                col=2,
            )
        figure.update_xaxes(title="state, by its share of running", col=1)
        figure.update_yaxes(title="share of time (%)", col=1)
        figure.update_xaxes(range=[-0.5, 1.5], col=2)
        figure.update_yaxes(title="share that is told", rangemode="tozero", col=2)
        figure.update_annotations(font_size=13)
        figure.update_layout(explore.WIDE | BELOW, barmode="stack", height=400)
        three, two = (
            [with_interval(seen[kind][question]) for kind in ("told", "other pieces")]
            for question in (states.THREE, states.TWO)
        )
        return explore.show(
            figure,
            name="recordings-behaviour",
            caption=f"Hippocampus, {self.largest}, held-out blocks. Left: time in each of four states of the Poisson "
            "HMM, by what the animal did; in each block states are put in the order of their share of running, mean "
            "over blocks. Right: the share of what there is to know about behaviour that the state tells, a point a "
            f"block. Running, pausing and resting: {three[0]}, with the behaviour of other pieces {three[1]}. Running "
            f"and pausing on the track: {two[0]}, with that of other pieces {two[1]}.",
            alt="Two panels. Left, a bar for each of four states, divided into time spent resting, pausing and "
            "running. Right, points for the share of information about behaviour that the states tell, for three kinds "
            "of behaviour and for two, each beside the same with other pieces.",
        )

    # ---- Wiring ----

    def distance(self) -> Any:
        """How closely each wiring follows distance."""
        panels = [
            (label, name, list(content["anatomy"][name].values()))
            for label, content in self.samples.items()
            for name in content["anatomy"]
        ]
        figure = make_subplots(
            1,
            len(panels),
            shared_yaxes=True,
            horizontal_spacing=0.04,
            subplot_titles=[self._title(name, label).removeprefix("retina").strip(", ") for label, name, _ in panels],
        )
        for column, (_, _, blocks) in enumerate(panels, start=1):
            wired = list(blocks[0]["spearman"])[::-1]
            middle, low, high = np.mean([[b["spearman"][w] for w in wired] for b in blocks], axis=0).T
            error = {"symmetric": False, "array": high - middle, "arrayminus": middle - low, "color": COLOURS["grey"]}
            colours = ["blue" if "OHG" in w else "grey" if "count" in w else "vermillion" for w in wired]
            figure.add_scatter(
                x=middle,
                y=wired,
                error_x=error,
                mode="markers",
                marker={"size": 9, "color": [COLOURS[c] for c in colours]},
                showlegend=False,
                row=1,
                col=column,
            )
            figure.add_vline(0, line={"color": COLOURS["grey"], "dash": "dash"}, col=column)
        figure.update_xaxes(title="Spearman's ρ", range=[-0.95, 0.25])
        figure.update_annotations(font_size=12)
        figure.update_layout(width=760, height=420)
        blocks = self.samples[self.largest]["anatomy"]["waves"].values()
        kinds = (anatomy.RAW, anatomy.ONE_HOT, anatomy.NAIVE, anatomy.SPARSE)
        raw, one_hot, naive, sparse = (f"{fmean(block['spearman'][w][0] for block in blocks):.2f}" for w in kinds)
        return explore.show(
            figure,
            name="recordings-distance",
            caption=f"How closely wiring follows distance. Retinal waves, {self.largest}: correlation of counts {raw}, "
            f"the one-hot prior {one_hot}, naive weights {naive}, with an L1 penalty {sparse}. Means over splits of "
            "coefficients and of the ends of their 95 % intervals.",
            alt="Points with bars: Spearman's correlation with distance for each kind of wiring, all below zero; the "
            "correlation of counts lies furthest to the left.",
        )


def raster_explorer(fits: Fits, split: int, explored: tuple[int, ...]) -> Any:
    """A held-out minute of the waves, and the Poisson HMM's path under it."""
    sample = fits.sample
    counts = sample.trials.counts[int(fits.places(split, held_out=True)[0])].numpy()
    seconds = sample.trials.bin_ms / 1000
    centred = (sample.positions_um - sample.positions_um.mean(0)).numpy()
    axis = np.linalg.svd(centred, full_matrices=False)[2][0]
    rank = (centred @ axis).argsort().argsort()
    when, who = counts.nonzero()
    paths = {n: states.held_out_path(fits, "Poisson HMM", n, split)[0].numpy() for n in explored}

    def raster(states):
        figure = make_subplots(2, 1, shared_xaxes=True, row_heights=[0.85, 0.15], vertical_spacing=0.03)
        ticks = {"symbol": "line-ns-open", "size": 5, "color": COLOURS["grey"]}
        figure.add_scatter(
            x=when * seconds,
            y=rank[who],
            mode="markers",
            marker=ticks,
            name="spikes",
            showlegend=False,
            hoverinfo="skip",
            row=1,
            col=1,
        )
        figure.add_heatmap(
            x=np.arange(len(counts)) * seconds,
            z=[paths[states].tolist()],
            zmin=0,
            zmax=states - 1,
            showscale=False,
            colorscale="Blues",
            hovertemplate="%{x:.1f} s: state %{z}<extra></extra>",
            row=2,
            col=1,
        )
        figure.update_yaxes(title="neuron, by place", range=[-1, counts.shape[1]], row=1)
        figure.update_yaxes(showticklabels=False, ticks="", title="state", row=2)
        figure.update_xaxes(title="time (s)", row=2)
        return figure.update_layout(width=760, height=420)

    changes = {s: int((np.diff(path) != 0).sum()) for s, path in paths.items()}
    few, many = min(paths), max(paths)
    return explore.explorer(
        raster,
        name="recordings-raster",
        states=list(explored),
        caption=f"A minute of the retina that was held out, and the states of the Poisson HMM. With {few} states the "
        f"path changes {changes[few]} times in this minute, with {many} states {changes[many]} times.",
        alt="A raster of spikes, a row a neuron, with vertical bands of activity that are waves; below it a strip in "
        "shades of blue that shows the inferred state in every bin. More states cut the waves into parts.",
    )


def places(fits: Fits, found: list[states.Places]) -> Any:
    """Each neuron's rate in each state, where its electrode lies; of the first split."""
    ratio = found[0].log2_ratio
    most = len(ratio)
    columns = min(4, most)
    lines = -(-most // columns)
    figure = make_subplots(
        lines,
        columns,
        subplot_titles=[f"state {s + 1}" for s in range(most)],
        shared_xaxes=True,
        shared_yaxes=True,
        horizontal_spacing=0.03,
        vertical_spacing=0.2 / lines,
    )
    x, y = fits.sample.positions_um.T.numpy()
    shift = np.random.default_rng(0).uniform(-14, 14, (2, len(x)))  # several a place
    for s in range(most):
        figure.add_scatter(
            x=x + shift[0],
            y=y + shift[1],
            mode="markers",
            marker={"color": ratio[s].tolist(), "coloraxis": "coloraxis", "size": 8},
            showlegend=False,
            row=s // columns + 1,
            col=s % columns + 1,
        )
    figure.update_xaxes(showticklabels=False, ticks="")
    figure.update_yaxes(showticklabels=False, ticks="")
    figure.update_xaxes(title="place (µm)", showticklabels=True, row=lines, nticks=4)
    figure.update_yaxes(title="place (µm)", showticklabels=True, col=1, nticks=4)
    figure.update_annotations(font_size=12)
    scale = [[0, COLOURS["blue"]], [0.5, "#BBBBBB"], [1, COLOURS["vermillion"]]]
    bar = {"title": "log₂ rate<br>over mean"}
    axis = {"cmin": -3, "cmax": 3, "colorscale": scale, "colorbar": bar}
    figure.update_layout(width=760, height=80 + 200 * lines, coloraxis=axis)
    return explore.show(
        figure,
        name="recordings-places",
        caption=f"Rates in the {most} states of the Poisson HMM (first split of this run, quiet to busy), each neuron "
        "against its own mean, where its electrode lies. Over splits, the busy neurons of a state lie at "
        f"{with_interval([fmean(one.nearness) for one in found])} of the distance that neurons have on average.",
        alt="A small map of the electrode array for each state; neurons that are busier than usual in that state are "
        "orange, quieter ones blue. In most states the orange ones form a patch.",
    )


def checks(fits: Fits, rescaling: dict[str, list], split: int) -> Any:
    """Rescaled intervals of held-out blocks, and intervals between spikes of recording and simulation."""
    longest = 40
    quantiles = np.linspace(0, 1, 101)
    shades = ("green", "sky", "grey", "vermillion", "purple", "blue")
    titles = ["time rescaling, held out", "intervals between spikes"]
    figure = make_subplots(1, 2, subplot_titles=titles, horizontal_spacing=0.12)
    bins = np.arange(longest) * fits.sample.trials.bin_ms / 1000

    def intervals(trials, **style):
        y = states.intervals(trials, longest)[:longest].tolist()
        figure.add_scatter(x=bins, y=y, mode="lines", row=1, col=2, **style)

    intervals(fits.sample.trials, line={"color": "#737373", "width": 3}, name="recording")
    ran_away = []
    for model, shade in zip(states.TRIED, shades, strict=True):
        name = states.TRIED_NAMES[model]
        style = {"line_color": COLOURS[shade], "name": name, "legendgroup": name}
        found = np.quantile(rescaling[name][0][0].uniform.numpy(), quantiles)
        figure.add_scatter(x=quantiles, y=found - quantiles, mode="lines", row=1, col=1, **style)
        simulated = states.simulated(fits, *model, split)
        if simulated is None:
            ran_away.append(name)
        else:
            intervals(simulated, showlegend=False, **style)
    figure.update_xaxes(title="quantile, if the model were true", col=1)
    figure.update_yaxes(title="found less expected", col=1)
    figure.update_xaxes(title="interval (s)", col=2)
    figure.update_yaxes(title="share of intervals", type="log", col=2)
    figure.update_annotations(font_size=13)
    figure.update_layout(explore.WIDE | BELOW, height=430)
    distances = ", ".join(f"{name} {fmean(d for _, d in pairs):.2f}" for name, pairs in rescaling.items())
    away = "No model ran away when it was set free"
    if ran_away:
        away = (
            f"Set free, these models ran away to more than 10,000 spikes a bin, and have no line: {', '.join(ran_away)}"
        )
    return explore.show(
        figure,
        name="recordings-checks",
        caption="Left: the quantiles of rescaled intervals, all neurons; a true model lies at 0. Mean "
        f"Kolmogorov-Smirnov distance of a neuron over splits: {distances}. Right: intervals in the recording and in "
        f"simulations. {away}. "
        "First split of this run.",
        alt="Two panels. Left, the difference of quantiles from the diagonal for each model. Right, the share of "
        "intervals between spikes against their length on a logarithmic axis, for the recording and for spikes that "
        "the models made.",
    )
