"""The six sizes of the paper (Table 5): the same layers and channels throughout, more and more neurons."""

from brainlib.bdh.model import BDHConfig

SIZES = {
    name: BDHConfig(layers=8, dim=256, heads=4, neurons=neurons, dropout=0.1)
    for name, neurons in (
        ("25M", 2**15),
        ("50M", 2**16),
        ("100M", 2**17),
        ("200M", 2**18),
        ("400M", 2**19),
        ("800M", 2**20),
    )
}
