"""A lesson for 16 neurons: three things each have a colour, then one thing is named; which colour was it?

Each of the first six neurons stands for a word. A fact ("leaf", "green") makes its two neurons speak at once, the
question makes that of a thing speak, and the answer is the colour whose neuron is excited most after the last round.
The weights are learned with the tensor program, and run as a graph.
"""

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from numpy import ndarray
from torch import Tensor
from torch.nn.functional import cross_entropy

from brainlib.arguments import seeded
from brainlib.bdh.graph import Graphs, LowRank, alibi, run, tensor_form

THINGS = ("leaf", "plum", "pond")
COLOURS = ("red", "green", "blue")
WORDS = THINGS + COLOURS
REST = tuple(map(str, range(7, 17)))  # the neurons that stand for no word
NEURONS, DIM = 16, 8
SHARPNESS = 4.0  # logits are this times the excitation of the colours' neurons
KEPT = 0.9  # of each synapse, at every word


def encode(facts: Sequence[tuple[str, str]], question: str) -> Float[Tensor, "words n"]:
    """What the neurons say at each word of a lesson: facts such as ("leaf", "green"), then a thing that is asked for.

    Raises `ValueError` for a word that has no neuron.
    """
    words = [*facts, (question,)]
    for word in itertools.chain(*words):
        if word not in WORDS:
            raise ValueError(f"facts, question: got {word!r}, expected one of {', '.join(WORDS)}")
    return torch.tensor([[float(name in word) for name in (*WORDS, *REST)] for word in words], dtype=torch.float64)


def all_lessons() -> tuple[Float[Tensor, "batch words n"], Int[Tensor, "batch"]]:
    """All 486 lessons as `encode` gives them, and which colour is the answer.

    Every order of the things, every colour for each, every question.
    """
    said, answers = [], []
    for things in itertools.permutations(THINGS):
        for colours in itertools.product(COLOURS, repeat=3):
            for thing, colour in zip(things, colours, strict=True):
                said.append(encode(list(zip(things, colours, strict=True)), thing))
                answers.append(COLOURS.index(colour))
    return torch.stack(said), torch.tensor(answers)


def learn(seed: int, attempts: int = 10) -> LowRank:
    """A one-layer BDH-Normfree that answers every lesson, or what the last of the attempts has learned.

    Without norms about every second start leaves some neuron silent for good; such a start is given up for a new one.
    """
    generator = seeded(seed)
    for _ in range(attempts):
        model = attempt(generator)
        if score(model) == 1:
            break
    return model


def attempt(generator: torch.Generator, steps: int = 300) -> LowRank:
    """From random weights, Adam learns Dx, Dy and E through `tensor_form`, on batches of 64 lessons."""
    shapes = ((NEURONS, DIM), (NEURONS, DIM), (DIM, NEURONS))
    weights = [torch.randn(*shape, dtype=torch.float64, generator=generator) / DIM**0.5 for shape in shapes]
    for weight in weights:
        weight.requires_grad_()
    optimizer = torch.optim.Adam(weights, lr=0.02)
    said, answers = all_lessons()
    for _ in range(steps):
        drawn = torch.randint(len(said), (64,), generator=generator)
        loss = cross_entropy(excitation(*weights, said[drawn]) * SHARPNESS, answers[drawn])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
    return LowRank(*(weight.detach().numpy() for weight in weights), alibi(NEURONS, KEPT), layers=1)


def excitation(
    Dx: Float[Tensor, "n d"], Dy: Float[Tensor, "n d"], E: Float[Tensor, "d n"], said: Float[Tensor, "batch words n"]
) -> Float[Tensor, "batch 3"]:
    """How much each colour's neuron is excited after the question, by the tensor program."""
    U = torch.eye(NEURONS, dtype=said.dtype) * KEPT
    x, _ = tensor_form(Dx, Dy, E, U, 1, (said @ E.mT @ Dx.mT).relu(), said)
    return x[:, -1, -1, 3:6]


@torch.no_grad()
def score(model: LowRank) -> float:
    """The share of all lessons that are answered rightly."""
    said, answers = all_lessons()
    excited = excitation(*(torch.from_numpy(weight) for weight in (model.Dx, model.Dy, model.E)), said)
    return float((excited.argmax(1) == answers).double().mean())


def enters(model: LowRank, y: Float64[ndarray, "words n"]) -> tuple[Float64[ndarray, "words n"], ...]:
    """A token sets Y to what the neurons say, and X to what that excites."""
    return np.maximum(y @ (model.Dx @ model.E).T, 0), y


def told_by_rounds(model: LowRank, rounds: Graphs, every: int = 9, first: int = 0) -> dict[str, float]:
    """On some of all lessons: how often tensor program and rounds agree, how often they are right, and the largest
    difference of the colours' X."""
    said, answers = all_lessons()
    some = range(first, len(said), every)
    told = np.array([run(rounds, *enters(model, said[i].numpy()))[-1].X[3:6] for i in some])
    with torch.no_grad():
        computed = excitation(*map(torch.from_numpy, (model.Dx, model.Dy, model.E)), said)[some].numpy()
    return {
        "lessons": len(told),
        "agree": float(np.mean(told.argmax(1) == computed.argmax(1))),
        "right": float(np.mean(told.argmax(1) == answers[some].numpy())),
        "largest difference": float(np.abs(told - computed).max()),
    }
