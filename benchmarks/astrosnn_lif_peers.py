"""The peers of `astrosnn_lif`, in an interpreter that has them: needs torch, and SpikingJelly 2 or snnTorch.

Started by it, never by hand (`peers`). An answer is the time of the fastest run in seconds. The folder has current.npy
and d_spikes.npy [T, N]; the peer leaves its spikes and the gradient at the current there.
"""

import functools
from pathlib import Path

import numpy as np
import torch

from benchmarks.peers import serve
from benchmarks.report import seconds


def spikingjelly():
    """All steps in one call of a multi-step node, m <- m / 2 + I, hard reset, detached."""
    from spikingjelly.activation_based import neuron, surrogate

    node = neuron.LIFNode(
        tau=2.0, decay_input=False, v_threshold=1.0, v_reset=0.0, surrogate_function=surrogate.ATan(alpha=2.0),
        detach_reset=True, step_mode="m",
    )  # fmt: skip

    def spikes(current):
        node.reset()
        return node(current)

    return spikes


def snntorch():
    """A loop over the steps of a Leaky neuron, as its tutorials have it; the reset at once, as the others do it."""
    import snntorch
    from snntorch import surrogate

    neuron = snntorch.Leaky(
        beta=0.5, threshold=1.0, spike_grad=surrogate.atan(alpha=2.0), reset_mechanism="zero", reset_delay=False
    )

    def spikes(current):
        membrane, found = neuron.init_leaky(), []
        for step in current:
            spike, membrane = neuron(step, membrane)
            found.append(spike)
        return torch.stack(found)

    return spikes


PEERS = {"SpikingJelly": spikingjelly, "snnTorch": snntorch}


@functools.cache
def prepared(peer: str, folder: str):
    current, d_spikes = (torch.from_numpy(np.load(Path(folder) / f"{name}.npy")) for name in ("current", "d_spikes"))
    current.requires_grad_()
    scan = PEERS[peer]()

    def run():
        current.grad = None
        spikes = scan(current)
        spikes.backward(d_spikes)
        return spikes

    np.savez(Path(folder) / f"{peer}.npz", spikes=run().detach().numpy(), d_current=current.grad.numpy())
    return run


if __name__ == "__main__":
    torch.set_num_threads(1)
    serve(lambda peer, folder, times: min(seconds(prepared(peer, folder), times)))
