"""A lesson for 16 neurons: three things each have a colour, then one thing is named; which colour was it?

Each of the first six neurons stands for a word. A fact ("leaf", "green") makes its two neurons speak at once, the
question makes that of a thing speak, and the answer is the colour whose neuron is excited most after the last round.
The weights are learned with the tensor program, and run as a graph.
"""

from collections.abc import Sequence
from itertools import permutations, product

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from numpy import ndarray
from torch import Tensor
from torch.nn.functional import cross_entropy

from brainlib.arguments import seeded
from brainlib.bdh.graph import Graphs, LowRank, run, tensor_form

THINGS = ("leaf", "plum", "pond")
COLOURS = ("red", "green", "blue")
NAMES = (*THINGS, *COLOURS, *map(str, range(7, 17)))  # of the neurons; the last ten stand for no word
ANSWERS = slice(3, 6)  # the neurons of the colours
NEURONS, DIM = 16, 8
SHARPNESS = 4.0  # logits are this times the excitation of the colours' neurons
KEPT = 0.9  # of each synapse, at every word


def encode(facts: Sequence[tuple[str, str]], question: str) -> Float[Tensor, "words n"]:
    """What the neurons say at each word of a lesson: facts such as ("leaf", "green"), then what is asked for."""
    words = [*facts, (question,)]
    return torch.tensor([[float(name in word) for name in NAMES] for word in words], dtype=torch.float64)


def all_lessons() -> tuple[Float[Tensor, "batch words n"], Int[Tensor, "batch"]]:
    """All 486 lessons as `encode` gives them, and which colour is the answer.

    Every order of the things, every colour for each, every question.
    """
    said, answers = [], []
    for things, colours in product(permutations(THINGS), product(COLOURS, repeat=3)):
        for thing, colour in zip(things, colours, strict=True):
            said.append(encode(list(zip(things, colours, strict=True)), thing))
            answers.append(COLOURS.index(colour))
    return torch.stack(said), torch.tensor(answers)


def learn(seed: int) -> LowRank:
    """A one-layer BDH-Normfree that answers every lesson, or what the last of ten starts has learned.

    From random weights, Adam learns Dx, Dy and E through `tensor_form`, on batches of 64 lessons. Without norms about
    every second start leaves some neuron silent for good; such a start is given up for a new one.
    """
    generator = seeded(seed)
    said, answers = all_lessons()
    for _ in range(10):
        shapes = ((NEURONS, DIM), (NEURONS, DIM), (DIM, NEURONS))
        weights = [torch.randn(*shape, dtype=torch.float64, generator=generator) / DIM**0.5 for shape in shapes]
        optimizer = torch.optim.Adam([weight.requires_grad_() for weight in weights], lr=0.02)
        for _ in range(300):
            drawn = torch.randint(len(said), (64,), generator=generator)
            loss = cross_entropy(excitation(*weights, said[drawn]) * SHARPNESS, answers[drawn])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
        model = LowRank(*(weight.detach().numpy() for weight in weights), KEPT * np.eye(NEURONS), layers=1)
        if score(model) == 1:
            break
    return model


def excitation(
    Dx: Float[Tensor, "n d"], Dy: Float[Tensor, "n d"], E: Float[Tensor, "d n"], said: Float[Tensor, "batch words n"]
) -> Float[Tensor, "batch 3"]:
    """How much each colour's neuron is excited after the question, by the tensor program."""
    U = torch.eye(NEURONS, dtype=said.dtype) * KEPT
    x, _ = tensor_form(Dx, Dy, E, U, 1, (said @ E.mT @ Dx.mT).relu(), said)
    return x[:, -1, -1, ANSWERS]


def score(model: LowRank) -> float:
    """The share of all lessons that the tensor program answers rightly."""
    said, answers = all_lessons()
    return float((told(model, said).argmax(1) == answers).double().mean())


def told(model: LowRank, said: Float[Tensor, "batch words n"]) -> Float[Tensor, "batch 3"]:
    return excitation(*map(torch.from_numpy, (model.Dx, model.Dy, model.E)), said)


def enters(model: LowRank, y: Float64[ndarray, "words n"]) -> tuple[Float64[ndarray, "words n"], ...]:
    """A token sets Y to what the neurons say, and X to what that excites."""
    return np.maximum(y @ (model.Dx @ model.E).T, 0), y


def told_by_rounds(model: LowRank, rounds: Graphs, every: int = 9) -> dict[str, float]:
    """On some of all lessons: how often tensor program and rounds agree, how often they are right, and the largest
    difference of the colours' X."""
    said, answers = (part[::every] for part in all_lessons())
    found = np.array([run(rounds, *enters(model, one))[-1].X[ANSWERS] for one in said.numpy()])
    computed = told(model, said).numpy()
    return {
        "lessons": len(found),
        "agree": float(np.mean(found.argmax(1) == computed.argmax(1))),
        "right": float(np.mean(found.argmax(1) == answers.numpy())),
        "largest difference": float(np.abs(found - computed).max()),
    }
