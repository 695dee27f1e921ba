"""Each chapter's exercises: a check says of an empty stub that it is, of the solution that it is right, of what stands
below that it is not.

Besides question and solution an exercise is two code cells that need no others: a stub, tagged `exercise`, and a check.
"""

import re
from pathlib import Path

import nbformat
import pytest

from book.builder import sources

ROOT = Path(__file__).parents[2]
WRONG = {
    "timescales/01_leaky_neurons": [
        ["tau, gain = 8.0, 0.28", "tau, gain = 8.5, 0.53", "tau, gain = 0.531, 0.28", "tau, gain = 8.51, -3.46"],
        ["W, w = torch.zeros(4, 4), torch.tensor([1.0, 0.0, -1.0, 1.0])\nW[1, 0], W[2, 0], W[3, 0] = 1.0, 1.0, -1.0"],
    ],
    "timescales/02_curricula": [
        ["always_even = lambda span: 0.5", "always_even = lambda span: 0.5 + 0.5 / (span + 1)"],
        ["after = lambda parities, bit: [bit, *parities]"],
    ],
    "timescales/03_lesions": [
        ["bounds = lambda q: (0.0, q)", "bounds = lambda q: (1 - q, q)"],
        ["growth, kept = 0.1, 0.1", "growth, kept = 0.14, 0.14"],
    ],
    "brainstates/01_from_glm_to_hmm_glm": [
        [
            "each_bin = emissions.softmax(-1)\nwhole_trial = emissions.mean(0).softmax(-1)",
            "each_bin = emissions.softmax(0)\nwhole_trial = emissions.sum(0).softmax(-1)",
        ],
        [
            "gap = lambda parameters, sequences: parameters / 2",
            "gap = lambda parameters, sequences: parameters / sequences",
        ],
    ],
    "brainstates/02_priors": [
        ["growth = lambda tau: 2 * (tau + 1)", "growth = lambda tau: 0.0"],
        [
            "weakest = lambda bins, variance: 1 / math.sqrt(0.5**2 / math.log(2) * variance * bins)",
            "weakest = lambda bins, variance: 2 / math.sqrt(variance * bins)",
        ],
        ["decide = lambda chances: chances.argmax(-1)"],
    ],
    "brainstates/03_recordings": [
        ["cost = 6.5"],
        ["share = 0.0", "share = 44 / 400 / 1.609"],
    ],
    "brainstates/04_wiring": [
        [
            "area = lambda some, others: (some[:, None] > others).double().mean()",
            "area = lambda some, others: (some.mean() > others.mean()).double()",
        ],
    ],
    "astrosnn/01_tripartite_synapse": [
        ["delay = 128", "delay = 4"],
        ["share = 0.5"],
    ],
    "astrosnn/02_memory": [
        ["tokens = 89", "tokens = 128"],
        [
            "write = lambda H, key, value: H + torch.outer(value, key)",
            "write = lambda H, key, value: torch.outer(value, key)",
        ],
    ],
    "astrosnn/03_language": [
        ["crossing = lambda head_dim: head_dim**2 / 2", "crossing = lambda head_dim: head_dim"],
        ["floor = 5 / 13", "floor = 0.0"],
    ],
    "bdh/01_dragon_hatchling": [
        ["recall = lambda x, v: torch.tril(x @ x.T) @ v", "recall = lambda x, v: x @ x.T @ v"],
        ["early, late = 1.0, 0.5"],
    ],
    "bdh/02_from_graph_to_tensor": [
        ["factors = (2, 4, 8, 8)", "factors = (2, 8, 16, 32)"],
        [
            "without_mean = lambda E: E - E.mean(1, keepdim=True)",
            "without_mean = lambda E: E - E.mean()",
        ],
    ],
    "bdh/03_scaling": [
        ["positions = 256", "positions = 1024"],
        ["length = 128", "length = 2048"],
    ],
    "bdh/04_anatomy": [
        ["modularity = lambda trees: 0.0", "modularity = lambda trees: 1.0"],
        [
            "import torch\n"
            "star = lambda neurons: torch.nn.functional.pad(torch.ones(1, neurons - 1), (1, 0, 0, neurons - 1))"
        ],
    ],
    "bdh/05_working_memory": [
        [
            "overwrite = lambda rho, q1, v1, w: rho + w[:, None] * q1",
            "overwrite = lambda rho, q1, v1, w: (w - v1)[:, None] * q1",
        ],
    ],
    "bdh/06_surgery": [
        [
            "def key_gradient(v, excited, query, error):\n"  # a token hears itself
            "    scores = torch.tril(query[:, None] * excited)\n"
            "    return (scores * (error @ v.T)).sum(0) @ v",
            "def key_gradient(v, excited, query, error):\n"  # silent tokens are credited
            "    return (torch.tril(query[:, None].expand(-1, len(v)), -1) * (error @ v.T)).sum(0) @ v",
        ],
        [
            "def shuffled(parts, pairs):\n"  # forgets the frequencies
            "    new = (2 * pairs[:, None] + torch.arange(2)).flatten()\n"
            "    moved = {name: parts[name][..., new] for name in ('decoder_x', 'decoder_y')}\n"
            "    return parts | moved | {'encoder': parts['encoder'][:, new]}",
            "shuffled = lambda parts, pairs: parts",
        ],
    ],
}


def exercises(chapter: Path) -> list[tuple[str, str, str]]:
    """Stub, check and solution of each."""
    cells = nbformat.read(ROOT / chapter, as_version=4).cells
    places = [place for place, cell in enumerate(cells) if "exercise" in cell.metadata.get("tags", [])]
    found = []
    for stub, check, solution in (cells[place : place + 3] for place in places):
        assert "check" in check.metadata.tags
        (code,) = re.findall(r":::\{dropdown\} Solution\n```python\n(.*?)```", solution.source, re.DOTALL)
        found.append((stub.source, check.source, code))
    return found


def said(capsys: pytest.CaptureFixture, *cells: str) -> str:
    """What the last of these cells prints, run in this order and without any others."""
    names: dict[str, object] = {"__name__": "exercise"}
    for cell in cells:
        capsys.readouterr()
        exec(compile(cell, "cell", "exec"), names)
    return capsys.readouterr().out.strip()


@pytest.mark.parametrize("chapter", sources.chapters(ROOT), ids=str)
def test_solutions_are_right_and_wrong_answers_are_not(chapter, capsys):
    wrong = WRONG[chapter.relative_to("chapters").with_suffix("").as_posix()]
    for (stub, check, solution), answers in zip(exercises(chapter), wrong, strict=True):
        assert said(capsys, stub, check) == "Not filled in yet."
        assert said(capsys, stub, solution, check) == "Right."
        assert answers
        for answer in answers:
            words = said(capsys, stub, answer, check)
            assert words.startswith("Not yet.") and "Error" not in words, answer
