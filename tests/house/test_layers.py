"""Who may import whom."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from tests.house.sources import PRODUCT, ROOT, files, imports, module, name, tree, within

ORDER = {"accounts": 0, "datasets": 0, "spaces": 0, "searches": 1, "arena": 2, "workers": 3,
         "architectures": 3, "live": 3, "api": 4}
WRITERS = ("services", "leases", "recorder")
WRITES = {"save", "create", "bulk_create", "bulk_update", "update_or_create", "get_or_create", "delete"}
HEAVY = ("torch", "torchvision", "gpytorch", "botorch", "sklearn", "ot", "onnx", "onnxruntime", "onnxscript")
DISCOVERY = """
import sys
import engine.api as api
from engine.registry import KINDS, discover
for kind in KINDS:
    discover(kind)
for found in (api.strategies, api.spaces, api.estimations, api.datasets, api.compatible):
    found()
print(" ".join(name for name in sys.argv[1:] if name in sys.modules))
"""


@pytest.mark.parametrize("path", files("engine"), ids=name)
def test_the_engine_knows_nothing_of_the_web(path: object) -> None:
    web = ("django", "celery", "channels", "redis", "apps", "nasweb")
    assert not [dotted for dotted in imports(path) if within(dotted, *web)]


@pytest.mark.parametrize("path", files("apps", "nasweb"), ids=name)
def test_apps_see_only_the_facade_of_the_engine(path: object) -> None:
    assert not [dotted for dotted in imports(path) if within(dotted, "engine") and not within(dotted, "engine.api")]


@pytest.mark.parametrize("path", files("apps"), ids=name)
def test_apps_point_one_way(path: object) -> None:
    own = module(path).split(".")[1:2]
    for dotted in imports(path):
        parts = dotted.split(".")
        if own and parts[0] == "apps" and len(parts) > 1 and parts[1] != own[0]:
            assert ORDER[parts[1]] < ORDER[own[0]], f"{name(path)} imports {dotted}"


@pytest.mark.parametrize("path", files("apps"), ids=name)
def test_no_import_inside_a_function_dodges_a_circle(path: object) -> None:
    inside = [dotted for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
              for dotted in imports(path, node) if within(dotted, "apps", "engine")]
    assert not inside


@pytest.mark.parametrize("path", files("apps"), ids=name)
def test_only_services_leases_and_the_recorder_write(path: object) -> None:
    if path.stem in WRITERS:
        return
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITES:
            assert "objects" not in ast.unparse(node.func), f"{name(path)}:{node.lineno} writes: {ast.unparse(node.func)}"


def test_tasks_know_only_what_carries_them_out() -> None:
    for path in files("apps"):
        if path.stem == "tasks":
            assert not [dotted for dotted in imports(path) if dotted.split(".")[-1] in ("views", "forms")], name(path)


@pytest.mark.parametrize("path", files("engine/strategies"), ids=name)
def test_strategies_stand_alone(path: object) -> None:
    for dotted in imports(path):
        assert not within(dotted, "engine.search", "engine.training"), dotted
        assert not within(dotted, "engine.strategies"), f"{name(path)} imports another strategy: {dotted}"


@pytest.mark.parametrize("path", files("engine/nets", "engine/training"), ids=name)
def test_nets_and_training_know_no_strategy(path: object) -> None:
    assert not [dotted for dotted in imports(path) if within(dotted, "engine.strategies")]


def test_discovering_everything_imports_nothing_heavy() -> None:
    ran = subprocess.run([sys.executable, "-c", DISCOVERY, *HEAVY], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == ""


@pytest.mark.parametrize("path", files(*PRODUCT), ids=name)
def test_torch_is_never_imported_by_apps_or_wiring(path: object) -> None:
    if not name(path).startswith("engine/"):
        assert not [dotted for dotted in imports(path) if within(dotted, *HEAVY)]
