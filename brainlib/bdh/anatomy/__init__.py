"""What a trained Dragon Hatchling has become: `activity` (neurons and synapses while it reads), `wiring` (the graph of
neurons) and `synapses` (single synapses for single concepts).
"""
