"""BDH as a graph of neurons with local rules, and the steps that lead from it to a tensor program.

`kernel` is Definitions 1 and 2, `rounds` runs Table 1 on it, `equations` holds eq. (6), eq. (7) and the tensor program,
`factorise` Claim 3. Everything is small and in float64: chapters/bdh/02_from_graph_to_tensor watches it at work.
"""

from brainlib.bdh.graph.equations import Graphs, LowRank, Trajectory, alibi, equation_6, equation_7, rope, tensor_form
from brainlib.bdh.graph.factorise import HiddenGraphs, factorise, graphs_of
from brainlib.bdh.graph.kernel import Damping, Rule, interact, is_local
from brainlib.bdh.graph.rounds import ROUNDS, Moment, Round, run, table_1

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
