"""What makes tests of many small functions quick in Triton's interpreter."""

import pytest


@pytest.fixture(autouse=True)
def patched_once(monkeypatch):
    """For each function called in a kernel the interpreter patches Triton's language again, which takes most of the
    time; here for the first of a module only.
    """
    interpreter = pytest.importorskip("triton.runtime.interpreter")
    patched = set()

    def call(self, *args, **kwargs):
        if self.fn.__module__ not in patched:
            interpreter._patch_lang(self.fn)
            patched.add(self.fn.__module__)
        return self.rewrite()(*args, **kwargs)

    monkeypatch.setattr(interpreter.InterpretedFunction, "__call__", call)
