import pytest
import torch

from brainlib.arguments import seeded
from brainlib.brainstates.design import design
from brainlib.brainstates.fitting import Model, fit
from brainlib.brainstates.fitting.starts import kmeans_start
from brainlib.brainstates.inference import posterior
from brainlib.data.trials import Trials


def test_kmeans_wants_a_window_for_every_state():
    data = design(Trials.from_sequences([torch.ones(40, 2).int()], 10.0))
    with pytest.raises(ValueError, match="start: got 'kmeans' for 2 windows"):
        fit(Model(3), data, start="kmeans")


def test_a_neuron_that_never_fires_has_a_finite_start():
    counts = torch.poisson(torch.ones(50, 3), generator=seeded(0)).int()
    counts[:, 1] = 0
    data = design(Trials.from_sequences([counts], 10.0))
    for start in ("random", "kmeans"):
        found = fit(Model(2), data, iterations=20, start=start)
        assert found.parameters.weights.isfinite().all() and found.objective.isfinite().all()


@pytest.mark.parametrize("coupling", [True, False])
def test_kmeans_starts_with_states_of_different_rates(coupling):
    """Neurons fire a lot and little in turns of 100 bins."""
    high = torch.arange(400) // 100 % 2
    rates = torch.where(high[:, None] > 0, 1.5, 0.2).expand(400, 5)
    sequences = [torch.poisson(rates, generator=seeded(trial)).int() for trial in range(3)]
    data = design(Trials.from_sequences(sequences, 10.0), coupling=coupling)
    model = Model(2)
    start = kmeans_start(model, data, 1, seeded(0))
    agrees = (posterior(start.run(0), data, model.emission).states.argmax(-1) == high).double().mean()
    assert max(agrees, 1 - agrees) > 0.98
    found, again = (fit(model, data, start="kmeans", iterations=5) for _ in range(2))
    assert torch.equal(found.objective, again.objective)
