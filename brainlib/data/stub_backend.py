"""A build tool that builds nothing: it answers with the metadata that the source archive carries in PKG-INFO.

pip finds it under the name `setuptools.build_meta`, for a download only (see `package.py`).
"""

import email
import shutil
from pathlib import Path


class __legacy__:
    """The backend that pip asks when an archive names none; pip calls it from the folder of the unpacked archive."""

    @staticmethod
    def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
        """Write the metadata of the archive in the current folder, and return the name of the folder that holds it."""
        headers = email.message_from_bytes(Path("PKG-INFO").read_bytes())
        name = headers["Name"].replace("-", "_")  # a hyphen in the folder's name is what parts name and version
        folder = Path(metadata_directory, f"{name}-{headers['Version']}.dist-info")
        folder.mkdir()
        shutil.copy("PKG-INFO", folder / "METADATA")
        return folder.name
