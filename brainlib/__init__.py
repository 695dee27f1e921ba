"""Models and kernels of the book *How does a network hold on to the past?*

Each paper has a package of its own (`brainlib.bdh`); `data`, `training`, `explore` and `ledger` are the halls they share.
"""

__version__ = "0.1.0"
