"""Models and kernels of the book *How does a network hold on to the past?*

Each paper has a package of its own (`brainlib.bdh`). The halls they share: `data` (found, verified, batched), `training`
(one loop), `explore` (figures and explorers), `ledger` (claims), `runs` (larger runs), `backend` (devices).
"""

__version__ = "0.1.0"
