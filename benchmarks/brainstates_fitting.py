"""EM for a coupled Poisson HMM-GLM against what others fit it with, one thread each, and the memory that it takes.

    python -m benchmarks.brainstates_fitting [--peers PYTHON] [--iterations 10] [--record fitting.json]

The model: 5 states, 20 neurons, softplus, per-state biases; the data: 30 sequences of 2,000 bins from `paper_brain`.
All start from the same parameters and do so many whole iterations, E-step and M-step; times are those of the process,
which others on the machine disturb less. PYTHON is an interpreter that has dynamax and nemos (their own virtual
environment, best); what it lacks is named and left out. No tool fits this model as it comes: dynamax by its documented
way to add emissions, nemos by the functions beneath its one-neuron GLM-HMM. ssm's input-driven emissions are
categorical, hmmlearn's have no inputs: neither can. A peer's iteration does another M-step than ours, so the
log-likelihoods that they reach stand beside the times.

Before that the official demonstration's setting, with all threads, against the true parameters, and its recipe for the
naive model as `chapters/brainstates/official.py` rebuilds it; at the end the peak of memory,
of a whole iteration with 200 neurons at growing T, to be extrapolated to 1,000,000 bins.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.peers import Peers
from benchmarks.report import ONE_THREAD, show
from brainlib.backend import keep_freed_memory, provenance
from brainlib.brainstates.design import Design, design
from brainlib.brainstates.fitting import Model, fit
from brainlib.brainstates.fitting.starts import random_start
from brainlib.brainstates.inference import posterior
from brainlib.brainstates.parameters import Parameters
from chapters.brainstates.brains import demo_brain, paper_brain, simulate
from chapters.brainstates.official import fit_officially

STATES, NEURONS, SEQUENCES, BINS = 5, 20, 30, 2_000
PEERS = "dynamax", "nemos"
LENGTHS = 50_000, 100_000
LARGE = 200  # neurons


def problem() -> Design:
    g = torch.Generator().manual_seed(0)
    trials, _ = simulate(paper_brain(g, STATES, NEURONS), SEQUENCES, BINS, g)
    return design(trials)


def compare(python: str, iterations: int) -> dict[str, float | str]:
    data, model = problem(), Model(STATES)
    start = Parameters(*(part[0] for part in random_start(model, data, 1, torch.Generator().manual_seed(1))))
    fit(model, data, start=start, iterations=1)  # compiles
    seconds = []
    for done in (1, iterations + 1):
        began = time.process_time()
        found = fit(model, data, start=start, iterations=done, tolerance=0.0)
        seconds.append(time.process_time() - began)
    ours = (seconds[1] - seconds[0]) / (found.objective.shape[1] - 2)
    result = {"brainlib, ms an iteration": 1e3 * ours}
    reached = {"brainlib": found.log_likelihoods[0].tolist()}
    with tempfile.TemporaryDirectory() as folder, Peers(python, "benchmarks.brainstates_fitting_peers") as peers:
        for name, tensor in (
            ("features", data.features),
            ("counts", data.counts),
            *start._asdict().items(),
        ):
            np.save(Path(folder) / f"{name}.npy", tensor.numpy())
        for peer in PEERS:
            answer = peers.ask(peer, folder, iterations + 1)
            if answer is None:
                continue
            took, reached[peer] = answer
            result |= {f"{peer}, ms an iteration": 1e3 * took, f"times faster than {peer}": took / ours}
            if abs(reached[peer][0] / reached["brainlib"][0] - 1) > 1e-4:
                raise SystemExit(f"{peer} starts at {reached[peer][0]} nats, brainlib at {reached['brainlib'][0]}")
    result |= peers.left_out()
    bins = SEQUENCES * BINS
    for name, likelihoods in reached.items():
        for after in (0, 1, 5, iterations):
            if after < len(likelihoods):
                result[f"{name}, nats a bin after {after}"] = likelihoods[after] / bins
    return result


def demonstration() -> dict[str, float]:
    """The official demonstration's setting, 30 sequences to fit and 20 to test, four restarts, all threads."""
    g = torch.Generator().manual_seed(0)
    brain = demo_brain(g)
    trials, _ = simulate(brain, 50, BINS, g)
    data = design(trials, brain.basis)
    test = data.pick(range(30, 50))
    fit(Model(5, brain.emission), data.pick([0]), iterations=1)  # compiles
    began = time.perf_counter()
    found = fit(Model(5, brain.emission), data.pick(range(30)), restarts=4)
    seconds = time.perf_counter() - began
    oracle, ours = (
        float(posterior(parameters, test, brain.emission).log_likelihood.mean())
        for parameters in (brain.parameters, found.parameters)
    )
    began = time.perf_counter()
    recipe = fit_officially("HG", data.pick(range(30)), 5)
    theirs = float(posterior(recipe, test, brain.emission).log_likelihood.mean())
    return {
        "threads": float(torch.get_num_threads()),
        "s": seconds,
        "nats a sequence below": oracle - ours,
        "the official recipe, rebuilt, s": time.perf_counter() - began,
        "the official recipe, nats a sequence below": oracle - theirs,
    }


def memory() -> dict[str, float]:
    """GB that a process of its own holds at most, from its start, during an EM iteration (Linux only)."""
    program = (
        "import sys, time\n"
        "import torch\n"
        "from pathlib import Path\n"
        "from brainlib.brainstates.design import design\n"
        "from brainlib.brainstates.fitting import Model, fit\n"
        "from brainlib.data.trials import Trials\n"
        "bins, neurons = int(sys.argv[1]), int(sys.argv[2])\n"
        "counts = torch.zeros(bins, neurons, dtype=torch.uint8).bernoulli_(0.1)\n"
        "data = design(Trials.from_sequences([counts], 1.0).cut(10_000))\n"
        "began = time.perf_counter()\n"
        "fit(Model(5), data, iterations=1)\n"
        "status = Path('/proc/self/status').read_text()\n"
        "print(int(status.split('VmHWM:')[1].split()[0]) / 2**20, time.perf_counter() - began)\n"
    )
    result = {}
    for bins in LENGTHS:
        command = [sys.executable, "-c", program, str(bins), str(LARGE)]
        peak, seconds = subprocess.check_output(command, env=os.environ | ONE_THREAD, text=True).split()
        result |= {f"{bins:,} bins, GB": float(peak), f"{bins:,} bins, s": float(seconds)}
    (short, low), (long, high) = ((bins, result[f"{bins:,} bins, GB"]) for bins in LENGTHS)
    result["1,000,000 bins by a line through both, GB"] = high + (high - low) / (long - short) * (1_000_000 - long)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", default=sys.executable, help="an interpreter that has dynamax and nemos")
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--record", type=Path)
    arguments = parser.parse_args()
    keep_freed_memory()
    record = {"provenance": provenance(), "the demonstration, below the oracle's likelihood": demonstration()}
    torch.set_num_threads(1)
    record["one iteration"] = compare(arguments.peers, arguments.iterations)
    record[f"{LARGE} neurons, {STATES} states"] = memory()
    show(record, arguments.record)


if __name__ == "__main__":
    main()
