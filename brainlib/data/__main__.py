"""`python -m brainlib.data [file ...]` obtains the named data files, or all, and says where each one lies."""

import sys

from .doors import DataError, DataUnavailable, locate
from .registry import REGISTRY


def main() -> None:
    for name in sys.argv[1:] or REGISTRY:
        try:
            located = locate(name)
        except (DataError, DataUnavailable) as error:
            sys.exit(f"brainlib.data: {error}")
        print(located, located.path, sep="\n  ", flush=True)


if __name__ == "__main__":
    main()
