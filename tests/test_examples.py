"""What the READMEs, the pages on the library and the docstrings show runs as it stands."""

import doctest
import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
LONGEST = 15  # lines of a quick start
READMES = "README.md", "brainlib/README.md"
PAGES = sorted((ROOT / "book" / "api").glob("*.md"))


def blocks() -> list:
    found = []
    for name in READMES:
        for place, block in enumerate(re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(), re.DOTALL)):
            found.append(pytest.param(block, id=f"{name}-{place}"))
    return found


@pytest.mark.parametrize("block", blocks())
def test_a_quick_start_runs_and_is_short(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len([line for line in block.splitlines() if line.strip()]) < LONGEST
    exec(compile(block, "README", "exec"), {"__name__": "readme"})


def with_examples() -> list[str]:
    files = (path for path in (ROOT / "brainlib").rglob("*.py") if ">>> " in path.read_text())
    return sorted(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in files)


@pytest.mark.parametrize("name", with_examples())
def test_the_examples_of_a_module_are_true(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert tried and not failed


def examples_of(page: Path) -> str:
    return "\n".join(re.findall(r"```python\n(>>> .*?)```", page.read_text(), re.DOTALL))


@pytest.mark.parametrize("page", [page for page in PAGES if examples_of(page)], ids=lambda page: page.stem)
def test_the_examples_of_a_page_are_true(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    test = doctest.DocTestParser().get_doctest(examples_of(page), {}, page.name, str(page), 0)
    failed, tried = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test)
    assert tried and not failed


def functions_and_classes(names: list[str]) -> dict[str, Any]:
    places = (name.rpartition(".") for name in names)
    found = {"".join(place): getattr(importlib.import_module(place[0]), place[2]) for place in places}
    return {name: each for name, each in found.items() if inspect.isclass(each) or inspect.isfunction(each)}


def automodules(page: Path) -> dict[str, list[str] | None]:
    """The modules that a page documents, with the members that it names, all that are public or (None) no one."""
    found = {}
    for module, options in re.findall(r"\.\. automodule:: (\S+)\n((?:   :.*\n)*)", page.read_text()):
        listed = re.search(r":members:(.*)", options)
        names = listed and (re.findall(r"\w+", listed[1]) or importlib.import_module(module).__all__)
        found[module] = names and [f"{module}.{name}" for name in names]
    return found


def shown(page: Path) -> dict[str, Any]:
    named = re.findall(r"\.\. auto(?:class|function):: (\S+)", page.read_text())
    return functions_and_classes(sum(filter(None, automodules(page).values()), named))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_shows_an_example_of_everything_on_it(page):
    """In its docstring, or among the examples of the page."""
    examples, bare = examples_of(page), []
    for name, each in shown(page).items():
        if ">>> " not in (each.__doc__ or "") and not re.search(rf"\b{name.split('.')[-1]}\b", examples):
            bare.append(name)
    assert not bare


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_leaves_out_nothing_public_of_its_packages(page):
    modules = [importlib.import_module(name) for name in automodules(page)]
    public = functions_and_classes(
        [f"{module.__name__}.{name}" for module in modules for name in getattr(module, "__all__", ())]
    )
    assert public.keys() <= shown(page).keys()
