"""The figures of the chapter on the Dragon Hatchling."""

from collections.abc import Mapping
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import pandas as pd
import plotly.express as px
import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn.functional import cross_entropy

from brainlib import bdh, data, explore
from brainlib.bdh import BDH
from brainlib.training import History
from chapters.bdh.experiments import Experiment
from chapters.bdh.figures import DOTTED, recorded, tidy

SENTENCE = "The king is dead. Long live the king!"
TICKS = {"tickvals": list(range(len(SENTENCE))), "ticktext": list(SENTENCE.replace(" ", "␣")), "tickangle": 0}


def loss(history: History, experiment: Experiment, bigram: float, profile: str) -> explore.Explorer:
    """Training and held-out loss of this run and of the recorded ones, against millions of bytes read."""
    frames, ends = [_curves(asdict(history), experiment.bytes_a_step, f"this run ({profile})")], ""
    if run := recorded("shakespeare", profile):
        frames.append(_curves(run.content["history"], run.content["bytes_a_step"], f"recorded ({run.profile})"))
        ends = f"; the recorded {run.profile} run, of revision {run.provenance['revision'][:12]} of the code, ends at "
        ends += f"{run.content['history']['evaluations'][-1][1]:.2f}"
    labels = {"read": "text read (millions of bytes)", "loss": "loss (nats a byte)"}
    figure = px.line(
        pd.concat(frames), x="read", y="loss", color="run", line_dash="text", log_x=True, labels=labels,
        line_dash_map={"training": "dot", "held out": "solid"},
    )  # fmt: skip
    figure.add_hline(bigram, line=DOTTED, annotation_text="bigram model").update_xaxes(dtick=1)
    return explore.show(
        tidy(figure),
        name="bdh-loss",
        caption=f"The loss on held-out text is {history.evaluations[-1][1]:.2f} nats a byte after "
        f"{len(history.losses):,} steps, that of the bigram model {bigram:.2f}{ends}.",
        alt="Training and held-out loss on a logarithmic axis of bytes read, and the dotted line of the bigram model.",
    )


def _curves(history: Mapping[str, Any], bytes_a_step: int, run: str) -> pd.DataFrame:
    """The mean training loss of 20 steps, and the held-out loss."""
    training = pd.Series(history["losses"]).rolling(20, min_periods=1).mean().round(4)[9::10]
    both = {"training": training.rename(lambda step: step + 1), "held out": pd.Series(dict(history["evaluations"]))}
    frame = pd.concat(both, names=["text", "step"]).rename("loss").reset_index()
    return frame.assign(read=frame["step"] * bytes_a_step / 1e6, run=run)


PASSAGES, LONG = 64, 128  # of held-out text, and their bytes
BINS = [1, 2, 4, 8, 16, 32, 64, LONG]


def losses_by_context(model: BDH, held_out: UInt8[Tensor, "bytes"]) -> pd.DataFrame:
    """The mean loss by how many bytes of a passage have been read, where each begins without synapses, after another
    passage, and after the same."""
    passages = held_out[: PASSAGES * LONG].view(PASSAGES, LONG).long().to(model.embedding.device)

    @torch.no_grad()
    def loss(texts: Tensor) -> list[float]:
        logits, read = model(texts)[0][:, -LONG:-1], passages[:, 1:]
        return cross_entropy(logits.mT, read, reduction="none").mean(0).tolist()

    before = {"no synapses": [], "another passage": [passages.roll(PASSAGES // 2, 0)], "the same passage": [passages]}
    frame = pd.DataFrame({name: loss(torch.cat((*texts, passages), 1)) for name, texts in before.items()})
    places = pd.cut(frame.index + 1, BINS, right=False, labels=[f"{a} to {b - 1}" for a, b in pairwise(BINS)])
    return frame.groupby(places, observed=True).mean()


def memory(model: BDH, held_out: UInt8[Tensor, "bytes"]) -> explore.Explorer:
    """What the synapses of a passage are worth, and whether those of an earlier one help."""
    frame = losses_by_context(model, held_out).rename({"1 to 1": "1"})
    labels = {"index": "bytes of the passage read", "value": "loss (nats a byte)", "variable": "read before"}
    first, (fresh, other, same) = frame["no synapses"].iloc[0], frame.iloc[-1]
    return explore.show(
        px.line(frame.round(3), markers=True, labels=labels).update_layout(explore.WIDE),
        name="bdh-memory",
        caption=f"What it has in its synapses takes the loss from {first:.2f} nats after one byte to {fresh:.2f} after "
        f"{frame.index[-1]}. There it is {other:.2f} if another passage of {LONG} bytes was read before, and "
        f"{same:.2f} if the same one was (means over {PASSAGES} held-out passages, one model).",
        alt="Three falling lines of loss over the number of bytes read, on a scale of doublings: passages read without "
        "synapses, after another passage, and after the same passage.",
    )


def relative(scores: Tensor) -> Tensor:
    """Each row's scores as shares of its largest."""
    return scores / scores.abs().amax(-1, keepdim=True).clamp_min(1e-12)


def weights_of_copies(model: BDH, held_out: UInt8[Tensor, "bytes"]) -> tuple[float, float]:
    """In the first layer, of bytes more than 8 back: the mean weight of the same letter, and that of all others."""
    windows = held_out[: 8 * LONG].view(8, LONG).to(model.embedding.device)
    first = relative(bdh.attention_scores(model, bdh.record_activity(model, windows), 0).cpu())
    far = torch.ones(LONG, LONG).tril(-9).bool()
    same = (windows[:, :, None] == windows[:, None, :]).cpu()[:, None].expand_as(first)
    return float(first[far & same].mean()), float(first[far & ~same].mean())


def attention(model: BDH, held_out: UInt8[Tensor, "bytes"]) -> explore.Explorer:
    """Which earlier bytes of the sentence each byte attends to, layer by layer and head by head."""
    reading = read_sentence(model)

    def hears(layer, head):
        weight = relative(bdh.attention_scores(model, reading, layer - 1)[0, head - 1].cpu())
        past = weight.masked_fill(torch.ones_like(weight).triu().bool(), float("nan")).numpy()
        labels = {"x": "byte that is heard", "y": "byte that is read", "color": "weight"}
        figure = px.imshow(past, zmin=-1, zmax=1, color_continuous_scale=explore.DIVERGING, labels=labels)
        figure.update_xaxes(TICKS).update_yaxes(TICKS, showgrid=False)
        return figure.update_layout(width=620, height=600)

    copies, others = weights_of_copies(model, held_out)
    return explore.explorer(
        hears,
        name="bdh-hears",
        layer=range(1, model.config.layers + 1),
        head=range(1, model.config.heads + 1),
        caption="Each byte hears its nearest past most. Of what is further than 8 bytes back, it hears earlier copies "
        f"of itself: in the first layer their mean weight is {copies:.2f} on held-out text, that of other bytes "
        f"{others:.2f} (all heads).",
        alt="A triangular heat map of a sentence against itself. A band along the diagonal is strongest, the nearest "
        "past; away from it, weak cells lie where the same letter was read before.",
    )


def read_sentence(model: BDH) -> bdh.Activity:
    return bdh.record_activity(model, data.encode(SENTENCE)[None].to(model.embedding.device))


def neuron(model: BDH) -> explore.Explorer:
    """A neuron of the last layer while the sentence is read, and the strongest synapses that lead from it."""
    reading, last = read_sentence(model), model.config.layers - 1
    x, y = reading.x[last, 0], reading.y[last, 0]  # heads, time, neurons of a head
    names = {
        f"head {n // y.shape[2] + 1}, neuron {n % y.shape[2]}": n for n in y.sum(1).flatten().topk(6).indices.tolist()
    }

    def neuron_reads(neuron):
        head, index = divmod(names[neuron], y.shape[2])
        sigma = bdh.synapses_of(model, reading, last, head, index)[0].cpu()
        lines = {("activation", "x: excited"): x[head, :, index], ("activation", "y: speaks"): y[head, :, index]}
        strongest = sigma.abs().amax(0).topk(5).indices.tolist()
        lines |= {("synapse from it to i", f"i = {i}"): sigma[:, i] for i in strongest}
        frame = pd.DataFrame({names: values.tolist() for names, values in lines.items()}).rename_axis("byte").round(3)
        frame = frame.melt(ignore_index=False, var_name=["panel", "line"]).reset_index()
        figure = px.line(frame, x="byte", y="value", color="line", facet_row="panel", labels={"byte": "", "value": ""})
        return tidy(figure.update_yaxes(matches=None).update_xaxes(TICKS), height=480)

    return explore.explorer(
        neuron_reads,
        name="bdh-neuron",
        neuron=list(names),
        caption="A synapse is written only at the bytes that excite its neuron; between them it merely turns with its "
        "pair of neurons.",
        alt="Two panels over the bytes of the sentence. Above, the neuron's two outputs, mostly at zero with a few "
        "peaks. Below, its five strongest synapses, which jump after each peak and hardly move between them.",
    )
