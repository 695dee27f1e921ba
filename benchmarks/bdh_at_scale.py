"""The official recipe at the paper's sizes, for one GPU, in one command: weights and a JSON record.

    python -m benchmarks.bdh_at_scale --size 25M --folder bdh-25M      # given again, it goes on where it was stopped
    python -m benchmarks.bdh_at_scale --size 25M --measure             # under ten minutes; trains nothing

The recipe is that of the official train.py at every size: batches of 32 x 512 bytes, 3,000 steps of AdamW at a constant
rate of 1e-3, nothing clipped. 25M is its model, of six layers; the larger ones have the eight of the paper's Table 5.
`folder` gets `config.json` and `model.safetensors`, for `BDH.from_pretrained`, `record.json` and the checkpoints.

`--measure` times a whole training step (forward, backward, optimiser) and that of the official formula, compiled, in
turns, and prints beside them how long the step's products would take at the rate of one large product.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch

from benchmarks.official_bdh import OfficialBDH
from brainlib import data
from brainlib.backend import provenance, resolve_device
from brainlib.bdh import BDH, BDHConfig
from brainlib.training import TrainingConfig, train
from chapters.bdh import scaling, shakespeare
from chapters.bdh.experiments import Experiment, new_model

OFFICIAL = BDHConfig()
SIZES = {"tiny": BDHConfig(layers=2, dim=16, neurons=64), "25M": OFFICIAL} | {
    f"{25 * 2**power}M": replace(OFFICIAL, layers=8, neurons=2 ** (15 + power)) for power in range(1, 6)
}
RECIPE = TrainingConfig(3000, 1e-3, clip_norm=None, evaluate_every=250, checkpoint_every=250, precision="auto")


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="25M")
    parser.add_argument("--text", choices=shakespeare.TEXTS, default="tiny Shakespeare")
    parser.add_argument("--batch", type=int, default=32, help="smaller where a larger size does not fit")
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--steps", type=int, default=RECIPE.steps)
    parser.add_argument("--folder", type=Path, default=Path("bdh-at-scale"))
    parser.add_argument("--measure", action="store_true", help="times a step beside the official formula, compiled")
    chosen = parser.parse_args(given)
    experiment = Experiment(
        SIZES[chosen.size], replace(RECIPE, steps=chosen.steps), chosen.batch, chosen.length, chosen.text
    )
    chosen.folder.mkdir(parents=True, exist_ok=True)
    run, name = (measure, "speed.json") if chosen.measure else (learn, "record.json")
    record = {"size": chosen.size, "experiment": asdict(experiment), "provenance": provenance(resolve_device("auto"))}
    record |= run(experiment, chosen.folder)
    (chosen.folder / name).write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record, indent=1))


def learn(experiment: Experiment, folder: Path) -> dict[str, object]:
    """Trains, and saves the weights; gives the held-out losses (nats a byte) by step, and the seconds a step."""
    kept = shakespeare.learn(experiment, seed=0, folder=folder / "checkpoints")
    model = new_model(experiment.model)
    model.load_state_dict(kept["weights"])
    model.save_pretrained(folder)
    history = kept["history"]
    seconds = history["seconds"] / experiment.training.steps  # evaluations and checkpoints included
    return {"held_out": history["evaluations"], "seconds_a_step": seconds, "precision": history["precision"]}


def measure(experiment: Experiment, folder: Path, steps: int = 20, rounds: int = 5) -> dict[str, object]:
    """Medians of the seconds a step over rounds in turns (of which the first, that compiles, is not counted)."""
    config, device = experiment.model, resolve_device("auto")
    sizes = {"layers": config.layers, "dim": config.dim, "heads": config.heads, "neurons": config.neurons}
    formula = OfficialBDH(**sizes, dropout=config.dropout).to(device)
    ours = BDH.from_official(formula.state_dict(), layers=config.layers, dropout=config.dropout).to(device)
    short = replace(experiment.training, steps=steps, evaluate_every=None)

    def clock(model: torch.nn.Module, **options: bool) -> float:
        def loss(model: torch.nn.Module, batch: tuple, state: None) -> tuple[torch.Tensor, None]:
            return model(*batch, **options)[1], None

        crops = data.RandomCrops(shakespeare.read(experiment)[0], experiment.batch, experiment.length)
        return train(model, loss, crops, short, progress=False).seconds / steps

    compiled = torch.compile(formula)
    times = [(clock(ours, return_state=False), clock(compiled)) for _ in range(1 + rounds)]
    own, official = map(statistics.median, zip(*times[1:], strict=True))
    rate = product_rate(device)
    forward = scaling.operations(config, experiment.length) * experiment.batch * experiment.length
    return {
        "seconds_a_step": own,
        "seconds_a_step_of_the_official_formula_compiled": official,
        "speed": official / own,
        "operations_a_second_of_a_large_product": rate,
        "seconds_of_the_products": 3 * forward / rate,
        "seconds_of_the_products_with_the_forward_pass_again": 4 * forward / rate,
    }


def product_rate(device: torch.device) -> float:
    """Operations a second of a large product in bfloat16, the median of nine."""
    size = 8192 if device.type == "cuda" else 512
    matrix = torch.randn(size, size, device=device, dtype=torch.bfloat16)

    def seconds(run: Callable[[], object]) -> float:
        start = time.perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - start

    return 2 * size**3 / statistics.median(seconds(lambda: matrix @ matrix) for _ in range(9))


if __name__ == "__main__":
    main()
