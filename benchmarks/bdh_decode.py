"""Event-driven decoding of a trained model against the dense recurrent step, in the same float32 and on the same bytes.

    python -m benchmarks.bdh_decode FOLDER [--threads 2] [--tokens 300]

FOLDER is a run's checkpoints (`step-...` inside) of the laptop profile on tiny Shakespeare. The dense step is the
recurrent form in torch operations: every weight and every synapse is read, every synapse written.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import embedding

from brainlib.backend import provenance
from brainlib.bdh import BDH, BDHState
from brainlib.bdh.norm import norm
from brainlib.bdh.rotation import rotate, rotation
from brainlib.data import tiny_shakespeare
from brainlib.training import checkpoint
from chapters.bdh.shakespeare import EXPERIMENTS

CONTEXTS = 512, 2048, 8192, 65536
PIECE = 512


class DenseStep:
    def __init__(self, model: BDH, state: BDHState):
        config = model.config
        self.model, self.synapses, self.position = model, state.synapses, int(state.position)
        self.encoder = model.encoder.detach().view(config.heads, config.head_neurons, config.dim)
        self.active = {"x": 0, "q": 0, "y": 0}  # neurons so far, of all layers

    @torch.no_grad()
    def __call__(self, token: Tensor, count: bool = False) -> Tensor:
        model = self.model
        v = norm(embedding(token, model.embedding))
        turn = rotation(model.frequencies, self.position, 1, v.dtype)
        for rho in self.synapses:
            x = (v @ model.decoder_x).relu_().transpose(0, 1)[:, :, None]  # [B, H, 1, K]
            q = rotate(x, turn)
            a = q @ rho
            rho.addcmul_(q.mT, v[:, None, None])
            y = (norm(a) @ model.decoder_y).relu_() * x
            v = norm(v + norm((y @ self.encoder).sum(1)[:, 0]))
            if count:
                for name, activation in (("x", x), ("q", q), ("y", y)):
                    self.active[name] += int((activation != 0).sum())
        self.position += 1
        return v @ model.readout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=300)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    path = checkpoint.finished(arguments.folder)[-1]
    model = BDH(EXPERIMENTS["laptop"].model).eval()
    model.load_state_dict(checkpoint.load(path)["model"])
    text = tiny_shakespeare().long()
    print(json.dumps(provenance()), path)

    state, read = None, 0
    for context in CONTEXTS:
        with torch.no_grad():
            for part in text[read:context].split(PIECE):
                _, _, state = model(part[None], state=state)
        read = context
        print(f"context {context:6d}:", compare(model, state, text[context : context + arguments.tokens]))


def compare(model: BDH, state: BDHState, text: Tensor) -> str:
    """Both steps take turns on the same bytes, from copies of the same state."""
    event_driven = model.stepper(BDHState(state.position, state.synapses.clone()))
    dense = DenseStep(model, BDHState(state.position, state.synapses.clone()))
    event_driven(text[:1]), dense(text[:1])  # compiles, and warms both
    times, distance = [], 0.0
    for token in text[1:].split(1):
        start = time.perf_counter()
        ours = event_driven(token)
        middle = time.perf_counter()
        theirs = dense(token)
        times.append((middle - start, time.perf_counter() - middle))
        distance = max(distance, float((ours - theirs).abs().max()))
    counted = DenseStep(model, BDHState(state.position, state.synapses.clone()))
    for token in text.split(1):
        counted(token, count=True)
    ours, theirs = (statistics.median(column) for column in zip(*times, strict=True))
    ratio = statistics.median(dense / event for event, dense in times)
    return (
        f"{1e3 * ours:.2f} ms a byte, dense {1e3 * theirs:.2f} ms ({ratio:.2f} times), logits within {distance:.0e}; "
        + traffic(model, {name: count / len(text) for name, count in counted.active.items()})
    )


def traffic(model: BDH, active: dict[str, float]) -> str:
    """Bytes a token moves through all layers: a row of `dim` floats for every neuron that is touched."""
    config = model.config
    neurons, row = config.layers * config.neurons, 4 * config.dim
    needed = (active["x"] + 2 * active["q"] + active["x"] + active["y"]) * row  # Dx, rho in and out, Dy, E
    moved = needed + (neurons - active["x"]) * row  # Dx is read whole
    shares = ", ".join(f"{name} {count / neurons:.1%}" for name, count in active.items())
    dense = 5 * neurons * row
    return f"{moved / 1e6:.1f} MB a byte, active rows need {needed / 1e6:.1f}, dense {dense / 1e6:.1f} ({shares})"


if __name__ == "__main__":
    main()
