"""The browser of the page tests: where it is found, how it starts, and a folder served to it on loopback."""

import contextlib
import functools
import http.server
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = "BROWSER TESTS SKIPPED: no Chromium on PATH (chromium, chromium-browser, google-chrome)"
REQUIRED = os.environ.get("BRAINLIB_REQUIRE_BROWSER") == "1"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--renderer-process-limit=1",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


@functools.cache
def chromium() -> str | None:
    """The path of a Chromium; where there is none, root on a Debian gets Debian's."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None and hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        install = "apt-get update -qq && apt-get install -qq --no-install-recommends -y chromium"
        quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["sh", "-c", install], capture_output=True, env=quiet)
        found = shutil.which("chromium")
    return found


@contextlib.contextmanager
def launched(executable: str) -> Iterator[Browser]:
    """The browser, headless, on loopback alone; the pages of its first context share a process and compiled scripts."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        browser.new_context(reduced_motion="reduce", service_workers="block").new_page()  # keeps the process alive
        yield browser
        browser.close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address under which `folder` is served."""
    handler = functools.partial(_Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
