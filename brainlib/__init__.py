"""Models and kernels of the book *How does a network hold on to the past?*

Each paper has a package of its own (`brainlib.bdh`). They share the halls: `data` (found, verified, batched),
`training` (one loop), `explore` (figures), `ledger` (claims), `runs` (larger runs) and `backend` (devices).
"""

__version__ = "0.1.0"
