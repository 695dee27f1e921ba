"""Surgery on trained Dragon Hatchlings: neurons are the unit in which they can be put together and enlarged."""

from brainlib.bdh.surgery.grow import grow
from brainlib.bdh.surgery.merge import merge
from brainlib.bdh.surgery.plan import PLANS, Plan

__all__ = ["PLANS", "Plan", "grow", "merge"]
