"""The two ways in which data can fail a reader."""


class DataError(ValueError):
    """A data file, an archive or a name is not what it should be: a wrong hash, an unsafe member, an unknown file."""


class DataUnavailable(OSError):
    """A data file is neither at hand nor obtainable; the message says where it comes from and how to place it.

    Of a registered file, `file` is its name, `source` where it comes from and `place` where to put it, in words.
    """

    def __init__(self, message: str, file: str = "", source: str = "", place: str = ""):
        super().__init__(message)
        self.file, self.source, self.place = file, source, place
