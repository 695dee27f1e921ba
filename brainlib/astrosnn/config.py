"""The sizes and parts of an `AstroSNN`: the configuration, and with other mixers at equal parameters."""

from bisect import bisect_left
from dataclasses import dataclass, replace

from brainlib.arguments import whole_number
from brainlib.astrosnn.blocks import FEEDFORWARDS, Block
from brainlib.astrosnn.checks import one_of
from brainlib.astrosnn.mixers import FORMED, MIXERS
from brainlib.astrosnn.synapses import learned_by
from brainlib.astrosnn.unit import AMSUConfig


@dataclass(frozen=True)
class AstroSNNConfig:
    """Sizes and parts of an `AstroSNN`.

    It reads tokens 0 .. vocab-1, or, with `inputs` > 0, real vectors of so many numbers. `outputs`, the classes that
    the logits are of, is `vocab` unless it is given; `hidden`, of the feed-forward, 4 * dim. `unit` holds the switches
    of the spiking unit for the mixers amsu and calcium; its dim and heads are this frame's.

    mixer        "amsu", "calcium", "lif", "plif", "alif", "gru", "rwkv", "spikegpt" or "attention"
    feedforward  "spiking" (W step(W x)) or "gelu"

    Raises `ValueError` for unfit sizes and unknown names.

        >>> AstroSNNConfig(layers=4, dim=128, unit=AMSUConfig(128, astrocyte="gated")).parameters
        923408
    """

    layers: int = 2
    dim: int = 64
    heads: int = 4
    vocab: int = 256
    inputs: int = 0
    outputs: int | None = None
    mixer: str = "amsu"
    token_shift: bool = True
    feedforward: str = "spiking"
    hidden: int | None = None
    unit: AMSUConfig | None = None

    def __post_init__(self):
        for name in ("layers", "dim", "heads", "vocab", "inputs", "outputs", "hidden"):
            value, least = getattr(self, name), 0 if name == "inputs" else 1
            if value is not None or name not in ("outputs", "hidden"):
                object.__setattr__(self, name, whole_number(name, value, least))
        if self.dim % self.heads:
            raise ValueError(f"dim: got {self.dim}, expected a multiple of heads = {self.heads}")
        one_of("mixer", self.mixer, tuple(MIXERS))
        one_of("feedforward", self.feedforward, FEEDFORWARDS)
        if self.unit is not None and self.mixer not in FORMED:
            got = f"switches for the mixer {self.mixer!r}"
            raise ValueError(f"unit: got {got}, expected None ({', '.join(FORMED)} take them)")

    @property
    def classes(self) -> int:
        """How many numbers the logits of a token are."""
        return self.vocab if self.outputs is None else self.outputs

    @property
    def hidden_size(self) -> int:
        """How many hidden neurons a feed-forward has."""
        return 4 * self.dim if self.hidden is None else self.hidden

    @property
    def unit_config(self) -> AMSUConfig:
        """The unit of the mixers amsu and calcium, with this frame's dim and heads."""
        unit = replace(self.unit or AMSUConfig(self.dim, self.heads), dim=self.dim, heads=self.heads)
        return replace(unit, astrocyte="calcium") if self.mixer == "calcium" else unit

    @property
    def parameters(self) -> int:
        """How many numbers the model learns."""
        embedding = self.inputs + 1 if self.inputs else self.vocab
        return self.layers * learned_by(Block, self) + self.dim * (embedding + 2 + self.classes)


def matched(config: AstroSNNConfig, mixer: str) -> AstroSNNConfig:
    """The same frame around another mixer, with as many parameters (within 2 %): `dim` is the multiple of `heads` that
    comes nearest with the same ratio of `hidden` to `dim`, and `hidden` then makes up the rest.

    Switches of the unit go along to "amsu" and "calcium". Raises
    `ValueError` for an unknown mixer, and for a frame so small that no size comes near.

        >>> ours = AstroSNNConfig()
        >>> ours.parameters, matched(ours, "gru").parameters
        (140296, 140400)
    """
    ratio = config.hidden_size / config.dim
    unit = config.unit if mixer in FORMED else None

    def sized(dim: int) -> AstroSNNConfig:
        return replace(config, mixer=mixer, unit=unit, dim=dim, hidden=max(1, round(ratio * dim)))

    dims = range(config.heads, 8 * config.dim, config.heads)
    first = bisect_left(dims, config.parameters, hi=len(dims) - 1, key=lambda dim: sized(dim).parameters)
    near = map(sized, dims[max(first - 1, 0) : first + 1])
    best = min(near, key=lambda other: abs(other.parameters - config.parameters))
    missing = config.parameters - best.parameters
    best = replace(best, hidden=max(1, best.hidden_size + round(missing / (2 * best.dim * best.layers))))
    if abs(best.parameters / config.parameters - 1) > 0.02:
        raise ValueError(f"config: has {config.parameters} parameters, {mixer} comes no nearer than {best.parameters}")
    return best
