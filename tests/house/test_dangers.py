"""What no file may do."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from tests.house.sources import PRODUCT, ROOT, files, imports, name, tree, within

FORBIDDEN_CALLS = {"eval", "exec", "__import__"}
FORBIDDEN_MODULES = ("pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib")
HOST = r"""["'`(]?\s*["'`]?(?:https?:|wss?:)?//"""
FOREIGN = re.compile(rf"(?:src|href|action)\s*=\s*{HOST}|@import\s+{HOST}|url\(\s*{HOST}"
                     rf"|\b(?:from|import)\s*\(?\s*(?=[\"']){HOST}"
                     rf"|(?:fetch|WebSocket|EventSource)\(\s*(?=[\"'`]){HOST}", re.I)
CHECKOUT = re.compile(re.escape(f"{ROOT}/"))             # a path of the machine that it was written on


@pytest.mark.parametrize("path", files(*PRODUCT, "benchmarks"), ids=name)
def test_nothing_is_evaluated_unpickled_or_given_to_a_shell(path: Path) -> None:
    assert not [dotted for dotted in imports(path) if within(dotted, *FORBIDDEN_MODULES)]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in FORBIDDEN_CALLS, f"{name(path)}:{node.lineno} calls {called}"
            assert called not in ("os.system", "os.popen"), f"{name(path)}:{node.lineno} calls {called}"
            for keyword in node.keywords:
                shell = keyword.arg == "shell" and ast.unparse(keyword.value) != "False"
                assert not shell, f"{name(path)}:{node.lineno} uses a shell"
        elif isinstance(node, ast.Attribute):
            assert ast.unparse(node) not in ("yaml.Loader", "yaml.load", "yaml.UnsafeLoader"), f"{name(path)}:{node.lineno}"


@pytest.mark.parametrize("path", files(*PRODUCT, "benchmarks"), ids=name)
def test_torch_load_only_in_checkpoint_and_weights_only(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
            assert name(path) == "engine/checkpoint.py"
            assert any(word.arg == "weights_only" and ast.unparse(word.value) == "True" for word in node.keywords)


@pytest.mark.parametrize("path", files("tests"), ids=name)
def test_no_test_measures_time(path: Path) -> None:
    """A busy machine is no fault of the code: benchmarks tell seconds, tests tell counts and values."""
    assert not re.search(r"\b(?:process_time|perf_counter)\(", path.read_text())


def pages() -> list[Path]:
    found = [path for pattern in ("*.html", "*.js", "*.css", "*.svg") for path in ROOT.rglob(pattern)]
    folders = [path for path in found if path.relative_to(ROOT).parts[0] in ("templates", "static", "apps")]
    return sorted(path for path in folders if "vendor" not in path.parts)


@pytest.mark.parametrize("path", pages(), ids=name)
def test_no_page_refers_to_another_host(path: Path) -> None:
    assert not FOREIGN.search(path.read_text())


@pytest.mark.parametrize("path", [path for path in pages() if path.suffix == ".html"], ids=name)
def test_no_template_carries_a_script_or_a_handler(path: Path) -> None:
    text = path.read_text()
    scripts = re.findall(r"<script\b[^>]*>", text, re.I)
    inline = [tag for tag in scripts if "src=" not in tag and "application/json" not in tag]
    assert not inline
    assert not re.search(r"<[^>]+\son(?:click|load|change|submit|input|error)\s*=", text, re.I)
    assert "|safe" not in text.replace(" ", "") or "autoescape off" not in text


def test_a_foreign_reference_would_be_seen() -> None:
    for bad in ('<script src="https://cdn.example/x.js">', "<link href=//cdn.example/x.css>", "import('https://x.example/a.js')",
                "@import 'https://x.example/a.css'", "url(//x.example/a.woff)", "fetch('https://x.example')"):
        assert FOREIGN.search(bad), bad
    assert not FOREIGN.search('<a href="/searches/">')


def test_nothing_tells_of_the_place_it_was_made_in() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    names = listed.stdout.split("\0") if listed.returncode == 0 else [name(path) for path in files(*PRODUCT, "tests")]
    for tracked in filter(None, names):
        path = ROOT / tracked
        if path.is_file() and path.suffix in (".py", ".md", ".js", ".css", ".html", ".yml", ".toml", ".txt", ""):
            if path != Path(__file__) and "vendor" not in path.parts:
                assert not CHECKOUT.search(path.read_text(errors="replace")), tracked
