"""Where EM begins. With weights of zero all states would be the same, and stay so: symmetry is broken on purpose."""

import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from brainlib.brainstates.design import Design
from brainlib.brainstates.fitting.model import Model
from brainlib.brainstates.fitting.scoring import improve, most_likely_transitions
from brainlib.brainstates.fitting.sums import Weighted
from brainlib.brainstates.parameters import Parameters, sticky

STAY = 0.98  # as in the official code
SPREAD = 0.5  # standard deviation of the drives that random weights make
RARE = 0.1  # root mean square of a feature, below which its weights are drawn no larger
FEWEST = 0.5  # spikes that a neuron is taken to have fired at least
WINDOW = 25  # bins that k-means takes as one
POINTS = 2**15  # windows that k-means looks at, at most
LLOYD = 50
STEPS = 3  # M-steps from k-means's states


def random_start(model: Model, design: Design, runs: int, generator: torch.Generator) -> Parameters:
    """Biases of the neurons' mean counts, and small weights drawn at random for every run and state.

    A weight's deviation is inverse to its feature's root mean square, such that all together move a drive by 0.5.
    Transitions stay with 0.98; the first state is uniform, and is never fitted.
    """
    S, D, device = model.states, design.features.shape[-1], design.features.device
    N = design.counts.shape[-1]
    trials = zip(design.features, design.lengths.tolist(), strict=True)
    squares = sum(features[:length].square().sum(0, dtype=torch.float64) for features, length in trials)
    size = math.sqrt(D) * (squares / design.lengths.sum()).sqrt().clamp(min=RARE)
    drawn = torch.randn(runs, S, N, D, generator=generator, dtype=torch.float64).to(device)
    weights = SPREAD * drawn / size
    mean = design.counts.sum((0, 1), dtype=torch.float64).clamp(min=FEWEST) / design.lengths.sum().double()
    bounded = model.emission.kind == "bernoulli" or model.emission.link == "sigmoid"
    weights[..., -1] += model.emission.inverse_link(mean.clamp(max=0.95) if bounded else mean)
    return Parameters(
        weights.to(design.features),
        sticky(S, STAY).log().to(design.features).expand(runs, S, S).clone(),
        torch.full((runs, S), -math.log(S)).to(design.features),
    )


def kmeans_start(model: Model, design: Design, runs: int, generator: torch.Generator) -> Parameters:
    """From `random_start` a few M-steps with states that k-means finds in the counts, in windows of 25 bins.

    Of the square roots of the windows' mean counts; k-means++ and Lloyd's rounds, anew for each run. Good where states
    differ in rates, as in recordings; wiring alone hardly shows. Raises `ValueError` for more states than windows.
    """
    start = random_start(model, design, runs, generator)
    windows = window_means(design).sqrt()
    B, L, _ = windows.shape
    mask = design.mask[:, ::WINDOW]  # a window counts if it begins within the trial
    points = windows[mask]
    if len(points) < model.states:
        raise ValueError(f"start: got 'kmeans' for {len(points)} windows of {WINDOW} bins, expected one for each state")
    states = start.weights.new_zeros(runs, B, design.counts.shape[1], model.states)
    for run in range(runs):
        labels = torch.zeros(B, L, dtype=torch.int64, device=points.device)
        labels[mask] = kmeans(points, model.states, generator)
        each = labels.repeat_interleave(WINDOW, dim=1)[:, : states.shape[2], None]
        states[run].scatter_(2, each, 1.0).mul_(design.mask[..., None])
    data, weights = Weighted.of(design, states, model.emission), start.weights
    for _ in range(STEPS):
        weights = improve(weights, data, model)
    return start._replace(weights=weights)


def kmeans(points: Float[Tensor, "points dim"], clusters: int, generator: torch.Generator) -> Int64[Tensor, " points"]:
    """The cluster of each point by Lloyd's algorithm from k-means++'s centres, found on at most 32,768 points."""
    some = points[torch.randperm(len(points), generator=generator)[:POINTS].to(points.device)]
    centres = some[:1]
    while len(centres) < clusters:  # each new one with a probability in proportion to its squared distance
        far = torch.cdist(some, centres).min(1).values.square().double().cumsum(0)
        drawn = torch.rand((), generator=generator, dtype=torch.float64).to(far) * far[-1]
        centres = torch.cat((centres, some[torch.searchsorted(far, drawn).clamp(max=len(some) - 1)][None]))
    for _ in range(LLOYD):
        nearest = torch.cdist(some, centres).argmin(1)
        size = torch.bincount(nearest, minlength=clusters)[:, None]
        moved = torch.zeros_like(centres).index_add_(0, nearest, some) / size
        moved = torch.where(size > 0, moved, centres)
        if torch.equal(moved, centres):
            break
        centres = moved
    return torch.cat([torch.cdist(part, centres).argmin(1) for part in points.split(POINTS)])


def window_means(design: Design) -> Float[Tensor, "trials windows neurons"]:
    """Mean counts in windows of `WINDOW` bins; the last of a trial is of the bins it has."""
    T = design.counts.shape[1]
    whole = torch.nn.functional.pad(design.counts, (0, 0, 0, -T % WINDOW))
    sums = whole.unflatten(1, (-1, WINDOW)).sum(2, dtype=design.features.dtype)
    first = WINDOW * torch.arange(sums.shape[1], device=design.lengths.device)
    return sums / (design.lengths[:, None] - first).clamp(1, WINDOW)[..., None]


def prepared(start: Parameters, model: Model, design: Design) -> Parameters:
    """Given parameters as a start: with an axis of runs, on the design's device, and no transition below the floor.

    Raises `ValueError` if they are of another size.
    """
    got, expected = tuple(start.weights.shape), (model.states, design.counts.shape[-1], design.features.shape[-1])
    if got != expected:
        raise ValueError(f"start: got weights of shape {got}, expected {expected}")
    own = start._replace(log_transition=most_likely_transitions(start.log_transition.exp(), start.log_transition))
    return Parameters(*(tensor[None].to(design.features, copy=True) for tensor in own))
