"""The three doors: which one opens, and that none of them lets a wrong file through."""

import hashlib
import http.server
import pickle
import sys
import threading

import pytest

from brainlib import data
from brainlib.data import doors
from brainlib.data.registry import Download

CONTENT = b"To be, or not to be\n" * 500


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
        served.answers, served.requests = [], 0
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


def test_the_readers_folder_comes_first(cache, folder, register):
    register("text.txt", CONTENT)
    (folder / "text.txt").write_bytes(CONTENT)
    (cache / "text.txt").write_bytes(CONTENT)
    located = data.locate("text.txt")
    assert (located.path, located.door) == (folder / "text.txt", "BRAINLIB_DATA")


def test_the_cache_comes_second(cache, folder, register):
    register("text.txt", CONTENT)
    (cache / "text.txt").write_bytes(CONTENT)
    located = data.locate("text.txt")
    assert (located.path, located.door) == (cache / "text.txt", "cache")


def test_the_source_comes_third_and_fills_the_cache(cache, folder, register, server, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    register("text.txt", CONTENT, Download(server.url))
    server.answers = [(200, CONTENT, len(CONTENT))]
    located = data.locate("text.txt")
    assert (located.path, located.door) == (cache / "text.txt", "source")
    assert located.path.read_bytes() == CONTENT
    assert "100%" in capsys.readouterr().err  # the progress bar of a terminal
    assert data.locate("text.txt").door == "cache"
    assert server.requests == 1
    assert [path.name for path in cache.iterdir()] == ["text.txt"]


def test_a_located_file_prints_what_a_reader_must_know(cache, register):
    register("text.txt", CONTENT)
    (cache / "text.txt").write_bytes(CONTENT)
    told = str(data.locate("text.txt"))
    assert told == "text.txt (10,000 bytes) by the door cache. A Test (2025). Licence: none needed."


def test_a_download_is_tried_again(cache, register, server, monkeypatch):
    monkeypatch.setattr(doors, "TRIES", 2)
    register("text.txt", CONTENT, Download(server.url))
    server.answers = [(503, b"", 0), (200, CONTENT, len(CONTENT))]
    assert data.locate("text.txt").path.read_bytes() == CONTENT


@pytest.mark.parametrize("door", ["mine", "cache"])
@pytest.mark.parametrize("found", [b"another text", CONTENT[:-1], b""], ids=["other", "truncated", "empty"])
def test_a_wrong_file_at_hand_is_an_error_and_stays_as_it_is(cache, folder, register, door, found, server):
    register("text.txt", CONTENT, Download(server.url))
    server.answers = [(200, CONTENT, len(CONTENT))]
    path = cache.parent / door / "text.txt"
    path.write_bytes(found)
    with pytest.raises(data.DataError) as error:
        data.locate("text.txt")
    for part in (str(path), sha256(found), sha256(CONTENT)):
        assert part in str(error.value)
    assert path.read_bytes() == found
    assert server.requests == 0


def test_what_comes_with_brainlib_comes_first(cache, folder, register):
    register("text.txt", CONTENT)
    doors.FILES.mkdir()
    for place in (doors.FILES, folder, cache):
        (place / "text.txt").write_bytes(CONTENT)
    located = data.locate("text.txt")
    assert (located.path, located.door) == (doors.FILES / "text.txt", "brainlib")


def test_a_name_may_hold_a_folder(cache, register, server):
    entry = register("maze/text.txt", CONTENT, Download(server.url))
    server.answers = [(200, CONTENT, len(CONTENT))]
    assert data.locate(entry.name).path == cache / "maze" / "text.txt"
    assert data.locate(entry.name).door == "cache"


@pytest.mark.parametrize("proxy", ["socks5h://127.0.0.1:9", "http://[::1", "http://:nonsense", "127.0.0.1:9"])
def test_a_proxy_that_does_not_work_is_no_wrong_file(cache, register, monkeypatch, proxy):
    register("text.txt", CONTENT, Download("https://nowhere.invalid/input.txt"))
    for variable in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, proxy)
    with pytest.raises(data.DataUnavailable, match=r"(?s)text\.txt is missing and cannot be fetched.*under the name"):
        data.locate("text.txt")


def test_a_cache_that_cannot_be_written_is_named(cache, register, server):
    register("maze/text.txt", CONTENT, Download(server.url))
    server.answers = [(200, CONTENT, len(CONTENT))]
    (cache / "maze").write_bytes(b"a file where a folder is expected")
    with pytest.raises(data.DataUnavailable, match=r"maze/text\.txt is missing and cannot be fetched.*maze"):
        data.locate("maze/text.txt")


def test_what_is_missing_is_found_out_side_by_side(cache, register, server):
    register("here.txt", CONTENT)
    (cache / "here.txt").write_bytes(CONTENT)
    fetched = register("fetched.txt", CONTENT, Download(server.url))
    server.answers = [(200, CONTENT, len(CONTENT))]
    gone = [register(f"gone{number}.txt", CONTENT) for number in range(2)]
    absent = data.missing(["here.txt", *(entry.name for entry in gone), fetched.name, gone[0].name])
    assert list(absent) == ["gone0.txt", "gone1.txt"]
    for entry in gone:
        error = absent[entry.name]
        assert (error.file, error.source) == (entry.name, str(entry.source))
        assert str(cache) in error.place and "BRAINLIB_DATA" in error.place
        assert pickle.loads(pickle.dumps(error)).file == entry.name  # it may come from another process
    assert (cache / "fetched.txt").read_bytes() == CONTENT
    assert data.missing([]) == {}


@pytest.mark.parametrize("sent", [b"another text", CONTENT[:-1]], ids=["other", "truncated"])
def test_a_wrong_file_at_the_source_is_none_and_leaves_nothing(cache, register, server, sent):
    register("text.txt", CONTENT, Download(server.url))
    server.answers = [(200, sent, len(sent))]
    with pytest.raises(data.DataUnavailable, match=r"text\.txt") as error:  # the page of a proxy, say
        data.locate("text.txt")
    assert sha256(sent) in str(error.value) and sha256(CONTENT) in str(error.value)
    assert list(cache.iterdir()) == []


def test_a_broken_connection_leaves_nothing(cache, register, server):
    register("text.txt", CONTENT, Download(server.url))
    server.answers = [(200, CONTENT[:100], len(CONTENT))]
    with pytest.raises(data.DataUnavailable):
        data.locate("text.txt")
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("setting", [None, "mine"])
def test_without_network_the_error_says_how_to_place_the_file(cache, register, folder, monkeypatch, setting):
    entry = register("text.txt", CONTENT)
    if setting is None:
        monkeypatch.delenv("BRAINLIB_DATA")
    with pytest.raises(data.DataUnavailable) as error:
        data.locate("text.txt")
    told = str(error.value)
    assert told.startswith("text.txt is missing and cannot be fetched: ")
    assert f"save {entry.source.url} under the name text.txt (sha256 {entry.sha256})" in told
    assert f"the environment variable BRAINLIB_DATA names ({folder if setting else 'not set now'})" in told
    assert f"or in {cache}" in told


def test_an_address_that_is_gone_is_named(cache, register, server):
    register("text.txt", CONTENT, Download(server.url))
    server.answers = [(404, b"", 0)]
    with pytest.raises(data.DataUnavailable, match=r"404.*\n.*input\.txt under the name text\.txt"):
        data.locate("text.txt")


def test_a_folder_that_does_not_exist_is_an_error(cache, register, monkeypatch, tmp_path):
    register("text.txt", CONTENT)
    (cache / "text.txt").write_bytes(CONTENT)
    monkeypatch.setenv("BRAINLIB_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(data.DataError, match=r"BRAINLIB_DATA: got .*nowhere.*expected a folder that exists"):
        data.locate("text.txt")


def test_an_unknown_name_is_an_error():
    with pytest.raises(data.DataError, match=r"name: got 'enwik9', expected one of .*bible\.db, digits"):
        data.locate("enwik9")


def test_the_command_obtains_what_is_named(cache, register, monkeypatch, capsys):
    from brainlib.data.__main__ import main

    register("text.txt", CONTENT)
    (cache / "text.txt").write_bytes(CONTENT)
    monkeypatch.setattr("sys.argv", ["brainlib.data", "text.txt"])
    main()
    assert str(cache / "text.txt") in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["brainlib.data", "enwik9"])
    with pytest.raises(SystemExit, match=r"brainlib\.data: name: got 'enwik9'"):
        main()
