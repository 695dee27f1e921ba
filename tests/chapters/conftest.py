"""Runs of the chapters' studies that leave nothing behind."""

import pytest


@pytest.fixture
def runs_here(monkeypatch, tmp_path):
    """Their results go into a folder of the test, and they are computed in this process."""
    monkeypatch.setenv("BRAINLIB_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("BRAINLIB_PROCESSES", "1")
