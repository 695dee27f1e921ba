"""Everything that needs a GPU, in one command that writes a JSON record.

    python -m benchmarks.gpu [--record gpu.json] [--parts PART...]

The parts, all of which are measured unless some are named; what a record says of the others stays:

- `agreement`: our kernels against the same layer in float64, relative differences of the output and of all gradients;
- `ceilings`: what this card reaches in a large bfloat16 matrix product and in a large copy;
- `training`: a step (forward and backward, bfloat16 products, dropout 0.1) at the official 25 M default, of the
  official formula eager and compiled and of ours, at the largest batch that the eager formula fits;
- `attention`: tril(q q^T, -1) v at T 2,048 and its share of the product ceiling, beside the formula's and
  flash-linear-attention's `chunk_simple_gla` on the same work (keys and values shifted by a token, scale 1);
- `projection`: x = relu(v Dx) and q = RoPE(x), and its share of the copy ceiling;
- `decode`: a byte after 512, recomputing the prefix and on synapses;
- `recurrence`: a training step of the leaky recurrent networks (`gpu_recurrence.py`);
- `brainstates`: the posterior of hidden chains (`gpu_brainstates.py`);
- `scan` and `memory`: the scan of spiking neurons and the astrocyte's memory (`gpu_astrosnn.py`).

flash-linear-attention and SpikingJelly are optional: `pip install flash-linear-attention spikingjelly`.
"""

import argparse
import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.gpu_astrosnn import memory, scan
from benchmarks.gpu_brainstates import brainstates
from benchmarks.gpu_clock import milliseconds
from benchmarks.gpu_recurrence import recurrence
from benchmarks.official_bdh import OfficialBDH
from brainlib.backend import provenance
from brainlib.bdh import BDH, BDHConfig, BDHState
from brainlib.bdh.kernels import neuron_layer
from brainlib.bdh.rotation import rope_frequencies, rotation

DEVICE = "cuda"
DEFAULT = BDHConfig()  # the official 25 M model
BATCHES, LENGTH = (32, 16, 8, 4), 512
ATTENTION = {"batch": 8, "heads": 4, "length": 2048, "neurons": 8192, "dim": 256}
CONTEXT, NEW = 512, 64


def main() -> None:
    measured = ceilings, agreement, training, attention, projection, decode, recurrence, brainstates, scan, memory
    parts = {part.__name__: part for part in measured}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--record", type=Path, default=Path("gpu.json"))
    parser.add_argument("--parts", nargs="+", choices=parts, default=list(parts))
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("benchmarks.gpu: this machine has no CUDA GPU; nothing was measured and no record was written.")
    record = json.loads(arguments.record.read_text()) if arguments.record.exists() else {}
    for name in dict.fromkeys(("ceilings", *arguments.parts)):  # of the card at hand, always
        torch.cuda.empty_cache()
        record[name] = {"provenance": provenance(DEVICE)}
        for what, found in parts[name](record):
            record[name][what] = found
            print(json.dumps({f"{name}, {what}": found}, indent=1), flush=True)
            arguments.record.write_text(json.dumps(record, indent=1) + "\n")  # kept, whatever comes after
    print(f"written to {arguments.record}")


def agreement(record: dict) -> Iterator[tuple[str, object]]:
    """Relative differences from float64 at odd sizes, with synapses and decay carried in."""
    B, T, H, D, K = 2, 301, 3, 72, 250
    g = torch.Generator().manual_seed(0)
    shapes = (B, T, D), (H, D, K), (H, D, K), (H, K, D), (B, H, K, D)
    exact = [(torch.randn(*s, generator=g) / s[-2] ** 0.5).bfloat16().double().to(DEVICE) for s in shapes]
    decay = torch.tensor([0.01, 0.05, 0.1], dtype=torch.float64, device=DEVICE)
    turn = rotation(rope_frequencies(K).to(DEVICE), 1000, T, torch.float64)
    weight = torch.linspace(-1, 1, B * T * D, dtype=torch.float64, device=DEVICE).view(B, T, D)

    def everything(dtype: torch.dtype, impl: str, low: torch.dtype | None = None) -> list[Tensor]:
        v, Dx, Dy, E, rho = leaves = [t.to(dtype).requires_grad_() for t in exact]
        turned = turn.to(torch.complex64) if dtype == torch.float32 else turn
        with torch.autocast(DEVICE, low, enabled=low is not None):
            update, after = neuron_layer(v, Dx, Dy, E, turned, rho, decay.to(dtype), impl=impl)
        loss = (update * weight).sum() + after.sin().sum()
        return [update, after, *torch.autograd.grad(loss, leaves)]

    truth = everything(torch.float64, "cpu")
    names = "update", "after", "dv", "dDx", "dDy", "dE", "d_synapses"
    for name, low in {"float32": None, "float16": torch.float16, "bfloat16": torch.bfloat16}.items():
        found = everything(torch.float32, "triton", low)
        yield name, {n: float((f - t).norm() / t.norm()) for n, f, t in zip(names, found, truth, strict=True)}


def ceilings(record: dict) -> Iterator[tuple[str, object]]:
    a, b = (torch.randn(8192, 8192, device=DEVICE, dtype=torch.bfloat16) for _ in range(2))
    source = torch.randn(2**28, device=DEVICE)
    target = torch.empty_like(source)
    yield "bf16_product_tflops", 2 * 8192**3 / milliseconds(lambda: a @ b) / 1e9
    yield "copy_gigabytes_a_second", 2 * source.nbytes / milliseconds(lambda: target.copy_(source)) / 1e6


def training(record: dict) -> Iterator[tuple[str, object]]:
    c = DEFAULT
    sizes = {"layers": c.layers, "dim": c.dim, "heads": c.heads, "neurons": c.neurons}
    results = {}
    for batch in BATCHES:
        formula = OfficialBDH(**sizes, dropout=c.dropout).to(DEVICE)
        found = step("official, eager", formula, batch, {})
        if found is not None:
            break
        results[f"official, eager, batch {batch}"] = "out of memory"
    results["batch"], results["official, eager"] = batch, found
    results["official, compiled"] = step("official, compiled", torch.compile(formula), batch, {})
    ours = BDH.from_official(formula.state_dict(), layers=c.layers, dropout=c.dropout).to(DEVICE)
    results["brainlib"] = step("brainlib", ours, batch, {"return_state": False})
    if batch != BATCHES[0]:
        results[f"brainlib, batch {BATCHES[0]}"] = step("brainlib", ours, BATCHES[0], {"return_state": False})
    for kind in ("official, eager", "official, compiled"):
        if results[kind] and results["brainlib"]:
            results[f"speed over {kind}"] = results[kind]["milliseconds"] / results["brainlib"]["milliseconds"]
    yield from results.items()


def step(name: str, model: torch.nn.Module, batch: int, arguments: dict) -> dict | None:
    """Milliseconds and peak memory of forward and backward; None if it does not fit."""
    tokens, targets = torch.randint(DEFAULT.vocab, (2, batch, LENGTH), device=DEVICE)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()

    def run() -> None:
        with torch.autocast(DEVICE, torch.bfloat16):
            loss = model(tokens, targets, **arguments)[1]
        loss.backward()
        model.zero_grad()

    try:
        duration = milliseconds(run, repeats=10)
    except torch.OutOfMemoryError:
        model.zero_grad()
        return None
    finally:
        torch.cuda.empty_cache()
    return {
        "milliseconds": duration,
        "tokens_a_second": 1e3 * batch * LENGTH / duration,
        "peak_gigabytes": torch.cuda.max_memory_allocated() / 1e9,
    }


def attention(record: dict) -> Iterator[tuple[str, object]]:
    from brainlib.bdh.kernels.triton import layer as kernels

    B, H, T, K, D = ATTENTION.values()
    q = (torch.randn(B, T, H, K, device=DEVICE) / K**0.5).bfloat16()  # [B, T, H, K]
    v = torch.randn(B, T, D, device=DEVICE).bfloat16()
    scores = torch.empty(B, H, T, T, device=DEVICE, dtype=torch.bfloat16)

    def ours() -> Tensor:
        kernels.scores_of(q, None, scores)
        return kernels.by_head(scores, v)  # [B, H, T, D]

    q_heads = q.transpose(1, 2).contiguous()
    runs = {"brainlib": ours, "formula": lambda: (q_heads @ q_heads.mT).tril(-1) @ v[:, None]}
    if importlib.util.find_spec("fla"):
        from fla.ops.simple_gla import chunk_simple_gla

        k, values = torch.zeros_like(q), v.new_zeros(B, T, H, D)
        k[:, 1:], values[:, 1:] = q[:, :-1], v[:, :-1, None]
        runs["chunk_simple_gla"] = lambda: chunk_simple_gla(q, k, values, scale=1.0)[0].transpose(1, 2)
    operations = B * H * T * (T - 1) * (K + D)  # of the pairs s < t alone
    truth, results = ours().float(), {"sizes": ATTENTION, "operations": operations}
    for name, run in runs.items():
        duration = milliseconds(run)
        results[name] = {
            "milliseconds": duration,
            "share_of_product_ceiling": operations / duration / 1e9 / record["ceilings"]["bf16_product_tflops"],
            "difference_from_brainlib": float((run().float() - truth).norm() / truth.norm()),
        }
    if "chunk_simple_gla" not in results:
        results["chunk_simple_gla"] = "not measured: flash-linear-attention is not installed"
    yield from results.items()


def projection(record: dict) -> Iterator[tuple[str, object]]:
    from brainlib.bdh.kernels.triton import layer as kernels

    B, H, T, K, D = ATTENTION.values()
    v, Dx = torch.randn(B, T, D, device=DEVICE).bfloat16(), torch.randn(H, D, K, device=DEVICE).bfloat16()
    phases = torch.view_as_real(rotation(rope_frequencies(K).to(DEVICE), 0, T, torch.float32))
    duration = milliseconds(lambda: kernels.project(v, Dx, phases))
    moved = v.nbytes + Dx.nbytes + phases.nbytes + 2 * 2 * B * T * H * K  # each once; x and q written
    yield "milliseconds", duration
    yield "share_of_copy_ceiling", moved / duration / 1e6 / record["ceilings"]["copy_gigabytes_a_second"]
    operations = 2 * B * T * H * K * D
    yield "share_of_product_ceiling", operations / duration / 1e9 / record["ceilings"]["bf16_product_tflops"]


@torch.no_grad()
def decode(record: dict) -> Iterator[tuple[str, object]]:
    formula = OfficialBDH(dropout=0.0).to(DEVICE).eval()
    model = BDH.from_official(formula.state_dict()).to(DEVICE).eval()
    prompt = torch.randint(256, (1, CONTEXT), device=DEVICE)
    _, _, state = model(prompt)
    advance, token = model.stepper(BDHState(state.position, state.synapses)), prompt[:, -1]
    theirs = milliseconds(lambda: formula(prompt), repeats=10)
    ours = milliseconds(lambda: advance(token), repeats=NEW)
    moved = 2 * state.synapses.nbytes + 3 * DEFAULT.neurons * DEFAULT.dim * 4 * DEFAULT.layers  # dense
    yield "recomputing the prefix", theirs
    yield "on synapses", ours
    yield "ratio", theirs / ours
    yield "dense_gigabytes", moved / 1e9
    yield "share_of_copy_ceiling_if_dense", moved / ours / 1e6 / record["ceilings"]["copy_gigabytes_a_second"]


if __name__ == "__main__":
    main()
