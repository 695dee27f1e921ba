"""BDH as a graph of neurons with local rules, and the steps that lead from it to a tensor program.

`rounds` holds the interaction kernel (Definitions 1 and 2) and Table 1 on it, `equations` eq. (6), eq. (7), the tensor
program, and Claim 3. Everything is small and in float64.
"""

from brainlib.bdh.graph.equations import (
    Graphs,
    HiddenGraphs,
    LowRank,
    Trajectory,
    alibi,
    equation_6,
    equation_7,
    factorise,
    graphs_of,
    rope,
    tensor_form,
)
from brainlib.bdh.graph.rounds import ROUNDS, Damping, Moment, Round, Rule, interact, is_local, run, table_1

__all__ = [
    "ROUNDS",
    "Damping",
    "Graphs",
    "HiddenGraphs",
    "LowRank",
    "Moment",
    "Round",
    "Rule",
    "Trajectory",
    "alibi",
    "equation_6",
    "equation_7",
    "factorise",
    "graphs_of",
    "interact",
    "is_local",
    "rope",
    "run",
    "table_1",
    "tensor_form",
]
