"""The hidden chain: what a hidden Markov model knows of its states, whatever it observes (README.md beside this file).

In all of them z_t is the state of bin t, of S; log_emission[b, t, s] = log p(x_t | z_t = s, x_1..t-1) in trial b;
log_transition[i, j] = log p(z_t+1 = j | z_t = i) and log_initial[s] = log p(z_1 = s), the same in all trials or one a
trial. Natural logarithms; -inf is a probability of 0. A trial ends after `lengths[b]` bins (all T by default), and
what stands beyond is not looked at. A trial that the model cannot give has log likelihood -inf and no states, and is no
error: its posterior is 0, its paths are -1.

`impl`: "cpu" is compiled by numba, "triton" needs a GPU, "auto" takes what is fast where `log_emission` is. Paths, best
and drawn, are always found on the CPU. All raise `ValueError` for another name, sizes that do not fit, dtypes or
devices that differ or are not float32 or float64, lengths that are not from 1 to T, NaN, +inf, and probabilities that
do not sum to 1.

The functions check their arguments and hand them to an implementation, a module with the functions

    forward_backward(log_emission, log_transition, log_initial, lengths, scaled) -> states, transitions, log_likelihood
    filter_states(log_emission, log_transition, log_initial, lengths, scaled) -> states, log_likelihood

`cpu` has that of paths too, drawn with `uniforms` or, without, the best:

    paths(log_emission, log_transition, log_initial, lengths, uniforms=None) -> paths

    log_emission [B, T, S], log_transition [B, S, S], log_initial [B, S]: contiguous, of one dtype (float32 or float64)
        and on one device; never NaN or +inf, except in log_emission beyond the lengths; rows of probabilities sum to 1
    lengths [B]: int64 on that device, 1 to T   scaled: whether no transition is less probable than exp(`LEAST`)
    uniforms [samples, B, T]: numbers in [0, 1), as many as there are bins
    states [B, T, S], transitions [B, S, S]: of that dtype   log_likelihood [B]: float64
    paths [samples, B, T], of the best [1, B, T]: int64

Beyond its length a trial's states are exactly 0 and its paths -1. A trial that the model cannot give has log likelihood
-inf, transitions of 0, states of 0 (in the filter from the impossible bin on) and paths of -1.
"""

import importlib
import importlib.util
from types import ModuleType
from typing import Literal, NamedTuple, get_args

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

Implementation = Literal["auto", "cpu", "triton"]
LogEmission = Float[Tensor, "trials time states"]
LogTransition = Float[Tensor, "states states"] | Float[Tensor, "trials states states"]
LogInitial = Float[Tensor, "states"] | Float[Tensor, "trials states"]
Lengths = Int64[Tensor, "trials"]
LEAST = -20.0  # of log transitions, with which scaled probabilities cannot underflow
SUM_TOLERANCE = 1e-3  # of probabilities: logarithms rounded to float32 are far nearer to 1


class Posterior(NamedTuple):
    """What all of a trial says of its states: what `forward_backward` and `posterior` give.

    >>> Posterior(torch.ones(1, 5, 1), torch.full((1, 1, 1), 4.0), torch.zeros(1)).states.shape
    torch.Size([1, 5, 1])
    """

    states: Float[Tensor, "trials time states"]  # p(z_t | x_1..T), zero beyond the length
    transitions: Float[Tensor, "trials states states"]  # sum over t of p(z_t, z_t+1 | x_1..T)
    log_likelihood: Float64[Tensor, "trials"]  # log p(x_1..T), in nats


class Filtered(NamedTuple):
    """What a trial says of its states up to now."""

    states: Float[Tensor, "trials time states"]  # p(z_t | x_1..t), zero beyond the length
    log_likelihood: Float64[Tensor, "trials"]  # log p(x_1..T), in nats


@torch.no_grad()
def forward_backward(
    log_emission: LogEmission,
    log_transition: LogTransition,
    log_initial: LogInitial,
    lengths: Lengths | None = None,
    impl: Implementation = "auto",
) -> Posterior:
    """The posterior of the states, exactly: the E-step of Baum-Welch.

    p(z_t | x_1..T) is proportional to p(z_t, x_1..t), which comes from the past, times p(x_t+1..T | z_t), which comes
    from the future. The transitions are summed over time at once, so that memory grows with T x S.

    >>> log_emission = torch.tensor([[[0.0, -4.0], [-4.0, 0.0], [-4.0, 0.0]]])  # one trial, three bins, two states
    >>> model = torch.tensor([[0.9, 0.1], [0.1, 0.9]]).log(), torch.tensor([0.5, 0.5]).log()
    >>> forward_backward(log_emission, *model).states[0].argmax(-1)
    tensor([0, 1, 1])
    """
    chain, kernels = prepare(log_emission, log_transition, log_initial, lengths, impl)
    return Posterior(*kernels.forward_backward(*chain))


@torch.no_grad()
def filter_states(
    log_emission: LogEmission,
    log_transition: LogTransition,
    log_initial: LogInitial,
    lengths: Lengths | None = None,
    impl: Implementation = "auto",
) -> Filtered:
    """p(z_t | x_1..t), what can be known while the recording still runs.

    >>> log_emission = torch.tensor([[[0.0, -4.0], [-4.0, 0.0], [-4.0, 0.0]]])  # one trial, three bins, two states
    >>> model = torch.tensor([[0.9, 0.1], [0.1, 0.9]]).log(), torch.tensor([0.5, 0.5]).log()
    >>> filter_states(log_emission, *model).states[0].sum(-1)
    tensor([1., 1., 1.])
    """
    chain, kernels = prepare(log_emission, log_transition, log_initial, lengths, impl)
    return Filtered(*kernels.filter_states(*chain))


@torch.no_grad()
def viterbi(
    log_emission: LogEmission,
    log_transition: LogTransition,
    log_initial: LogInitial,
    lengths: Lengths | None = None,
) -> Int64[Tensor, "trials time"]:
    """The most probable path z_1..T of each trial, -1 beyond its length and where no path is possible.

    >>> log_emission = torch.tensor([[[0.0, -4.0], [-4.0, 0.0], [-4.0, 0.0]]])  # one trial, three bins, two states
    >>> model = torch.tensor([[0.9, 0.1], [0.1, 0.9]]).log(), torch.tensor([0.5, 0.5]).log()
    >>> viterbi(log_emission, *model, torch.tensor([2]))
    tensor([[ 0,  1, -1]])
    """
    chain, cpu = prepare(log_emission, log_transition, log_initial, lengths, "cpu")
    return cpu.paths(*chain[:4])[0]


@torch.no_grad()
def sample_paths(
    log_emission: LogEmission,
    log_transition: LogTransition,
    log_initial: LogInitial,
    lengths: Lengths | None = None,
    *,
    samples: int,
    generator: torch.Generator,
) -> Int64[Tensor, "samples trials time"]:
    """Paths drawn from p(z_1..T | x_1..T), -1 beyond the length and where no path is possible.

    Raises `ValueError` also if `samples` is not at least 1.

    >>> log_emission = torch.tensor([[[0.0, -4.0], [-4.0, 0.0], [-4.0, 0.0]]])  # one trial, three bins, two states
    >>> model = torch.tensor([[0.9, 0.1], [0.1, 0.9]]).log(), torch.tensor([0.5, 0.5]).log()
    >>> sample_paths(log_emission, *model, samples=20, generator=torch.Generator().manual_seed(0)).shape
    torch.Size([20, 1, 3])
    """
    chain, cpu = prepare(log_emission, log_transition, log_initial, lengths, "cpu")
    if samples < 1:
        raise ValueError(f"samples: got {samples}, expected at least 1")
    B, T, _ = log_emission.shape
    uniforms = torch.rand(samples, B, T, generator=generator, dtype=log_emission.dtype, device=generator.device)
    return cpu.paths(*chain[:4], uniforms.to(log_emission.device))


def log_likelihood(
    log_emission: LogEmission,
    log_transition: LogTransition,
    log_initial: LogInitial,
    lengths: Lengths | None = None,
    impl: Implementation = "auto",
) -> Float64[Tensor, "trials"]:
    """log p(x_1..T) of each trial, in nats: the marginal likelihood, all paths counted.

    Differentiable, once. By Fisher's identity its gradients are the posterior: p(z_t | x) at log_emission, the expected
    number of transitions at log_transition and p(z_1 | x) at log_initial, whatever moves these numbers: a softmax that
    keeps the probabilities' sum at 1, too.

    >>> log_emission = torch.tensor([[[0.0, -4.0], [-4.0, 0.0], [-4.0, 0.0]]])  # one trial, three bins, two states
    >>> model = torch.tensor([[0.9, 0.1], [0.1, 0.9]]).log(), torch.tensor([0.5, 0.5]).log()
    >>> log_likelihood(log_emission.requires_grad_(), *model).sum().backward()
    >>> log_emission.grad.sum(-1)
    tensor([[1., 1., 1.]])
    """
    chain, kernels = prepare(log_emission, log_transition, log_initial, lengths, impl)
    return LogLikelihood.apply(kernels, *chain)


class LogLikelihood(torch.autograd.Function):
    @staticmethod
    def forward(ctx, kernels, *inputs):
        if not any(ctx.needs_input_grad):
            return kernels.filter_states(*inputs)[1]
        states, transitions, found = kernels.forward_backward(*inputs)
        ctx.save_for_backward(states, transitions)
        return found

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, d_found):
        states, transitions = ctx.saved_tensors
        d = d_found.to(states.dtype)[:, None, None]
        return None, d * states, d * transitions, d[:, 0] * states[:, 0], None, None


def prepare(
    log_emission: Tensor, log_transition: Tensor, log_initial: Tensor, lengths: Tensor | None, impl: str
) -> tuple[tuple[Tensor, Tensor, Tensor, Tensor, bool], ModuleType]:
    """Checked arguments as an implementation wants them, and the implementation."""
    if impl not in get_args(Implementation):
        raise ValueError(f"impl: got {impl!r}, expected one of {', '.join(get_args(Implementation))}")
    if log_emission.ndim != 3 or not log_emission.numel():
        got = tuple(log_emission.shape)
        raise ValueError(f"log_emission: got shape {got}, expected [trials, time, states] with at least one of each")
    if log_emission.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"log_emission: got {log_emission.dtype}, expected torch.float32 or torch.float64")
    B, T, S = log_emission.shape
    shapes = {"log_transition": ((S, S), (B, S, S)), "log_initial": ((S,), (B, S))}
    for (name, allowed), tensor in zip(shapes.items(), (log_transition, log_initial), strict=True):
        if tensor.shape not in allowed:
            expected = " or ".join(map(str, allowed))
            raise ValueError(f"{name}: got shape {tuple(tensor.shape)}, expected {expected} beside log_emission's")
        if (tensor.dtype, tensor.device) != (log_emission.dtype, log_emission.device):
            wanted = f"{log_emission.dtype} on {log_emission.device} as log_emission has it"
            raise ValueError(f"{name}: got {tensor.dtype} on {tensor.device}, expected {wanted}")
    if lengths is None:
        lengths = torch.full((B,), T, device=log_emission.device)
    elif lengths.shape != (B,) or lengths.dtype != torch.int64:
        wanted = f"torch.int64 of shape {(B,)} beside log_emission's"
        raise ValueError(f"lengths: got {lengths.dtype} of shape {tuple(lengths.shape)}, expected {wanted}")
    lengths = lengths.to(log_emission.device)
    scaled = check_values(log_emission, log_transition, log_initial, lengths) >= LEAST
    if impl == "auto":
        impl = "triton" if log_emission.is_cuda and importlib.util.find_spec("triton") else "cpu"
    implementation = importlib.import_module(f"brainlib.brainstates.kernels.{impl}")
    model = log_transition.expand(B, S, S).contiguous(), log_initial.expand(B, S).contiguous()
    return (log_emission.contiguous(), *model, lengths.contiguous(), scaled), implementation


@torch.no_grad()
def check_values(log_emission: Tensor, log_transition: Tensor, log_initial: Tensor, lengths: Tensor) -> float:
    """The least of `log_transition`. Raises `ValueError` for values that cannot be."""
    T, infinity = log_emission.shape[1], float("inf")
    errors = [(log.double().exp().sum(-1) - 1).abs().amax() for log in (log_transition, log_initial)]
    numbers = [*errors, lengths.amin(), lengths.amax(), log_emission.amax(), log_transition.amin()]
    in_transition, in_initial, shortest, longest, largest, least = torch.stack([n.double() for n in numbers]).tolist()
    if not 1 <= shortest <= longest <= T:
        raise ValueError(f"lengths: got {shortest:.0f} to {longest:.0f}, expected 1 to {T}, the bins of log_emission")
    for name, error in (("log_transition", in_transition), ("log_initial", in_initial)):
        if not error <= SUM_TOLERANCE:
            raise ValueError(f"{name}: got probabilities whose sums differ from 1 by {error:.3g}, expected logarithms")
    if not largest < infinity:  # NaN is not: perhaps beyond the lengths
        inside = torch.arange(T, device=lengths.device) < lengths[:, None]
        if not (log_emission[inside] < infinity).all():
            raise ValueError("log_emission: got NaN or +inf, expected logarithms of probabilities or of densities")
    return least
