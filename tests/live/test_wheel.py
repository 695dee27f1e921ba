"""The package as it is published: types, data and licence are in it, and its page needs nothing around it."""

import email
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(*folder.glob("*.whl")) as opened:
        yield opened


@pytest.fixture(scope="module")
def metadata(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return email.message_from_bytes(wheel.read(name))


def test_types_data_and_licence_are_in_it(wheel):
    names = set(wheel.namelist())
    assert "brainlib/py.typed" in names
    folders = (ROOT / "brainlib" / folder for folder in ("data/files", "bdh/pretrained/hatchling"))
    shipped = {path.relative_to(ROOT).as_posix() for folder in folders for path in folder.iterdir()}
    assert shipped <= names and any(name.endswith("/licenses/LICENSE") for name in names)
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"brainlib"}
    assert sum(wheel.getinfo(name).compress_size for name in names) < 5_000_000


def test_who_looks_for_it_finds_what_it_is(metadata):
    assert metadata["Author"] and metadata["Summary"] and metadata["License-Expression"] == "Apache-2.0"
    assert "Typing :: Typed" in metadata.get_all("Classifier")
    address = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"].rstrip("/")
    known = [line.partition(", ")[2].rstrip("/") for line in metadata.get_all("Project-URL", [])]
    assert address in known if address else not known, "project.urls in pyproject.toml: that of _config.yml"


def test_its_page_stands_alone(metadata):
    text = metadata.get_payload()
    targets = re.findall(r"\]\(([^)]*)\)|src=\"([^\"]*)\"", text)
    assert metadata["Description-Content-Type"] == "text/markdown" and text.startswith("# brainlib")
    assert all("".join(target).startswith("https://") for target in targets)


def test_its_page_names_every_extra(metadata):
    listed = set(re.findall(r"^\| `(\w+)` \|", metadata.get_payload(), re.MULTILINE))
    assert listed == set(metadata.get_all("Provides-Extra"))
