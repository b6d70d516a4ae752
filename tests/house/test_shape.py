"""Sizes, names, annotations and docstrings."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

import pytest

from tests.house.sources import PRODUCT, ROOT, files, functions, length, name, tree

FILE, FUNCTION, TASK, VIEW, DEPTH = 400, 60, 20, 25, 3
NO_NAMES = ("utils", "helpers", "common", "misc", "util", "helper")
NO_AFFIXES = ("Manager", "Helper", "Base")
EVERYWHERE = files(*PRODUCT, "tests", "benchmarks")


def lines(paths: tuple[Path, ...]) -> int:
    return sum(len(path.read_text().splitlines()) for path in paths)


@pytest.mark.parametrize("path", EVERYWHERE, ids=name)
def test_files_and_functions_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= FILE
    for function in functions(path):
        assert length(function) <= FUNCTION, f"{name(path)}:{function.lineno} {function.name}"


def test_half_of_the_files_are_very_short() -> None:
    assert statistics.median(len(path.read_text().splitlines()) for path in files(*PRODUCT)) <= 120


@pytest.mark.parametrize("path", files("apps"), ids=name)
def test_tasks_are_doorbells_and_views_ask(path: Path) -> None:
    limit = {"tasks": TASK, "views": VIEW}.get(path.stem)
    if limit:
        for function in functions(path):
            assert length(function) <= limit, f"{name(path)}:{function.lineno} {function.name}"


@pytest.mark.parametrize("path", EVERYWHERE, ids=name)
def test_every_signature_is_annotated(path: Path) -> None:
    for function in functions(path):
        arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        bare = [each.arg for each in arguments if each.annotation is None and each.arg not in ("self", "cls")]
        where = f"{name(path)}:{function.lineno} {function.name}"
        assert not bare, f"{where}: {bare}"
        assert function.returns is not None, f"{where} has no return annotation"


@pytest.mark.parametrize("path", EVERYWHERE, ids=name)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    if path.name == "__init__.py" and not path.read_text().strip():
        return                                  # an empty package marker
    assert ast.get_docstring(tree(path)), name(path)


@pytest.mark.parametrize("path", EVERYWHERE, ids=name)
def test_names_say_something(path: Path) -> None:
    assert path.stem not in NO_NAMES
    assert not set(path.relative_to(ROOT).parts[:-1]) & set(NO_NAMES)
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ClassDef):
            assert not node.name.startswith(NO_AFFIXES), node.name


@pytest.mark.parametrize("path", files(*PRODUCT), ids=name)
def test_packages_are_shallow(path: Path) -> None:
    folders = path.relative_to(ROOT).parts[:-1]
    assert len([folder for folder in folders if folder not in ("management", "commands")]) <= DEPTH


def test_there_is_at_least_as_much_test_as_source() -> None:
    assert lines(files("tests")) >= lines(files(*PRODUCT))


def declared(path: Path) -> bool:
    """Does a class of this file stand under `@strategy(...)` or `@space(...)`?"""
    decorators = [each for node in tree(path).body if isinstance(node, ast.ClassDef) for each in node.decorator_list]
    return any(ast.unparse(each).startswith(("strategy(", "space(", "registry.")) for each in decorators)


@pytest.mark.parametrize("path", [path for path in files("engine/strategies", "engine/spaces") if declared(path)], ids=name)
def test_every_method_has_its_page_and_its_test(path: Path) -> None:
    assert (ROOT / "docs" / "methods" / f"{path.stem}.md").exists()
    assert (ROOT / "tests" / path.relative_to(ROOT).parent / f"test_{path.stem}.py").exists()
