"""The whole unit's loops against the layer, written from the same equations, not from each other."""

import pytest
import torch

from brainlib.astrosnn import reference
from brainlib.astrosnn.unit import AMSU, AMSUConfig

SWITCHES = [
    *({"astrocyte": a, "injection": i} for a in ("none", "calcium", "matrix") for i in ("threshold", "membrane")),
    {"astrocyte": "gated", "reset": "soft", "input": "sigmoid", "tau": 3.5},
    {"astrocyte": "delta", "reset": "none", "normalised": False},
    {"astrocyte": "matrix", "features": "elu", "threshold": 0.7, "surrogate": "sigmoid"},
]


@pytest.mark.parametrize("switches", SWITCHES, ids=lambda switches: " ".join(map(str, switches.values())))
def test_the_layer_is_the_loops(switches):
    layer = AMSU(AMSUConfig(dim=8, heads=2, **switches), torch.Generator().manual_seed(0)).double()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += 0.7 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    x = torch.randn(2, 9, 8, generator=generator, dtype=torch.float64)
    y, (membrane, memory) = layer(x)
    found = reference.unit(x, dict(layer.named_parameters()), heads=2, **switches)
    results = []
    for outputs in ((y, membrane, memory), found):
        outputs = [output for output in outputs if output is not None]
        loss = sum(output.sin().sum() for output in outputs)
        results.append([*outputs, *torch.autograd.grad(loss, list(layer.parameters()))])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)
