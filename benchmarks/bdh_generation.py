"""Generating with synapses against recomputing the prefix, and the cost of a byte against the length of its past.

    python -m benchmarks.bdh_generation [--threads 2]

The official 25 M model with random weights, in which nothing is sparse yet: 50 % of x and 25 % of y are above zero.
"""

import argparse
import json
import statistics

import torch

from benchmarks.official_bdh import OfficialBDH
from benchmarks.report import seconds
from brainlib.backend import provenance
from brainlib.bdh import BDH, BDHState

PROMPT, NEW = 512, 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    torch.set_num_threads(parser.parse_args().threads)
    torch.manual_seed(0)
    formula = OfficialBDH(dropout=0.0).eval()
    model = BDH.from_official(formula.state_dict())
    prompt = torch.randint(256, (1, PROMPT))
    print(json.dumps(provenance()))

    model.generate(prompt[:, :8], 2, temperature=0.0)  # compiles
    ours = statistics.median(seconds(lambda: model.generate(prompt, NEW, temperature=0.0), times=3))
    (theirs,) = seconds(lambda: formula.generate(prompt, NEW), times=1)
    assert model.generate(prompt, 8, temperature=0.0).equal(formula.generate(prompt, 8))
    print(
        f"{NEW} bytes after {PROMPT}: {theirs:.1f} s recomputing the prefix, {ours:.2f} s on synapses (prompt included)"
    )
    print(f"ratio {theirs / ours:.1f}")

    for context in (512, 2048, 8192):
        state = BDHState(torch.tensor(0), model.initial_state(1).synapses)
        with torch.no_grad():
            for part in torch.randint(256, (1, context)).split(512, 1):
                _, _, state = model(part, state=state)
            step, token = model.stepper(state), prompt[:, 0]
            times = seconds(lambda step=step, token=token: step(token), NEW)
        print(f"context {context:5d}: {1e3 * statistics.median(times):.1f} ms a byte")


if __name__ == "__main__":
    main()
