"""What two processes of torchrun do; the first writes the outcome to the folder given, which the test compares."""

import json
import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import save_file
from tiny_run import TinyBatches, TinyModel, tiny_config, tiny_evaluation, tiny_loss, tiny_model, tiny_train

from brainlib.training import History, shard, train
from brainlib.training.sharding import is_sharded


def refusal(batches: TinyBatches) -> str:
    try:
        train(tiny_model(), tiny_loss, batches, tiny_config(), progress=False)
    except ValueError as error:
        return str(error)
    return "accepted"


def split_model() -> TinyModel:
    return shard(tiny_model())


def stopped_and_resumed(folder: Path, build: Callable[[], TinyModel] = tiny_model) -> History:
    calls = []

    def failing(model, batch, state):
        calls.append(1)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return tiny_loss(model, batch, state)

    try:
        train(build(), failing, TinyBatches(), tiny_config(), tiny_evaluation, folder, progress=False)
    except KeyboardInterrupt:
        return train(build(), tiny_loss, TinyBatches(), tiny_config(), tiny_evaluation, folder, progress=False)
    raise AssertionError("the run was not stopped")


def refused_twice() -> str:
    try:
        shard(split_model())
    except ValueError as error:
        return str(error)
    return "accepted"


def nothing_parallel_is_left_in(model: TinyModel) -> None:
    again = deepcopy(model)
    for each in (model, again):
        each.zero_grad()
        tiny_loss(each, TinyBatches().next_batch(), None)[0].backward()
    assert torch.equal(model.readout.weight.grad, again.readout.weight.grad)


def main(scratch: Path) -> None:
    rank = dist.get_node_local_rank()
    model, history = tiny_train(dropout=0.0)
    whole, whole_history = tiny_train(scratch / "whole")
    resumed_history = stopped_and_resumed(scratch / "resumed")
    split = split_model()
    train(split, tiny_loss, TinyBatches(), tiny_config(), tiny_evaluation, scratch / "split", progress=False)
    split_history = stopped_and_resumed(scratch / "split-resumed", split_model)
    assert is_sharded(split) and not is_sharded(whole)
    outcome = {
        "history": history.to_json(),
        "whole": whole_history.to_json(),
        "resumed": resumed_history.to_json(),
        "split": split_history.to_json(),
        "twice": refused_twice(),
        "auto": tiny_train(precision="auto")[1].precision,
        "odd": refusal(TinyBatches(rows=5)),
        "unlike": refusal(TinyBatches(seed=rank)),
    }
    (scratch / f"outcome-{rank}.json").write_text(json.dumps(outcome))
    save_file(model.state_dict(), scratch / f"model-{rank}.safetensors")
    save_file(whole.state_dict(), scratch / f"whole-{rank}.safetensors")
    if rank == 0:
        nothing_parallel_is_left_in(model)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
