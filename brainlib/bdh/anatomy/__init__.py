"""What a trained Dragon Hatchling has become: who fires, who is wired to whom, which synapse stands for what.

One file an idea: `activity` (neurons and synapses while it reads), `repetition` (who falls silent when a text repeats),
`wiring` and `tails` (the graph of neurons), `concepts` and `synapses` (single synapses for single concepts). Used in
chapters/bdh/04_anatomy.ipynb.
"""
