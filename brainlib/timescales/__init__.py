"""Long timescales: leaky recurrent networks with trainable time constants, and their training by curricula."""

from brainlib.timescales.curricula import Curriculum
from brainlib.timescales.gated import GatedRNN
from brainlib.timescales.model import LeakyRNN
from brainlib.timescales.network import Network
from brainlib.timescales.training import CurriculumConfig, TrainedNetwork, train

__all__ = ["Curriculum", "CurriculumConfig", "GatedRNN", "LeakyRNN", "Network", "TrainedNetwork", "train"]
