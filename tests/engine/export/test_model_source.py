"""The source of a network: it computes what the built network computes, loads its weights, and can be read."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from engine.architecture.graph import Graph, Node
from engine.architecture.layers import Layers
from engine.errors import Invalid
from engine.export.model_source import model_source
from engine.nets.build import build
from engine.registry import discover
from engine.rng import stream
from engine.spec import parse_space

SHAPE = (3, 9, 8)                               # odd and even sides


def imported(source: str, folder: Path) -> nn.Module:
    path = folder / "model.py"
    path.write_text(source, encoding="utf-8")
    found = importlib.util.spec_from_file_location("a_downloaded_model", path)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    network: nn.Module = module.Network()
    return network


def every_layer() -> Graph:
    """One of each primitive, with settings that are not the defaults."""
    layers = Layers()
    layers.begin("body")
    a = layers.put("wide", "conv", "input", channels=6, kernel=(1, 3), stride=1, groups=3, dilation=2, bias=True)
    b = layers.conv("strided", a, 6, 3, 2)
    c = layers.put("plain_norm", "batch_norm", b, affine=False)
    d = layers.put("sum", "add", layers.put("same", "identity", c), layers.norm("norm", b), b)
    uneven = layers.conv("uneven", layers.put("moved", "shift", layers.conv("wider", d, 6, 1, (2, 1))), 6, (3, 1), (1, 2))
    uneven = layers.pad("framed", layers.pool("shrunk", "max_pool", uneven, 3, 2), (3, 2))
    e = layers.put("both", "concat", layers.pool("max", "max_pool", d, 3, 2), layers.pool("mean", "avg_pool", d, 3, 2),
                   uneven, layers.put("nothing", "zero", d, stride=2))
    e = layers.put("near", "banded_conv", layers.put("apart", "zero_upsample", e, size=(5, 4)), kernel=3, stride=2)
    gate = layers.linear("gate", layers.put("mean_of_all", "global_avg_pool", e), 24)
    e = layers.put("gated", "scale", layers.put("swish", "hard_swish", e), layers.put("open", "hard_sigmoid", gate))
    fixed = {"seed": 3, "gamma": 0.01, "unit": True}
    e = layers.put("drawn", "filter_bank", e, channels=5, kernel=2, beta=1.5, remove_mean=True, hard=True, fixed=fixed)
    e = layers.put("turned", "affine", layers.put("larger", "resize", e, size=[9, 8]), size=7, rotation=0.1, shear=-0.2,
                   scale_x=0.9, scale_y=1.1, shift_x=0.1, shift_y=-0.1)
    e = layers.put("learned", "filter_bank", e, channels=3, kernel=2, beta=2.0, remove_mean=False, hard=False, fixed={})
    e = layers.put("powers", "lp_pool", layers.put("split", "split_relu", e, alpha=-0.1), order=1.5, kernel=2, stride=2)
    e = layers.put("around", "local_norm", e, kernel=2, threshold=0.5)
    layers.begin("head")
    f = layers.put("flat", "flatten", layers.put("active", "relu", e))
    g = layers.put("units", "linear", layers.put("dropped", "dropout", f, rate=0.25), units=7, bias=False)
    g = layers.put("row", "row_norm", layers.put("standard", "standardize", g, threshold=0.01))
    layers.linear("classifier", g, 4)
    return layers.graph()


def sampled(space: Any, number: int, shape: tuple[int, ...], classes: int) -> Graph:
    """The network of a random architecture that can be built."""
    rng = stream(number, "source")
    while True:
        try:
            network: Graph = space.network(space.sample(rng).architecture, shape, classes)
        except Invalid:
            continue
        return network


def assert_equal(graph: Graph, folder: Path) -> None:
    torch.manual_seed(0)
    built = build(graph, SHAPE)
    with torch.no_grad():
        for tensor in built.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(torch.rand_like(tensor))
    written = imported(model_source(graph, SHAPE, "A network"), folder)
    written.load_state_dict(built.state_dict(), strict=True)
    assert list(written.state_dict()) == list(built.state_dict())
    assert sum(p.numel() for p in written.parameters()) == sum(p.numel() for p in built.parameters())
    for batch in (1, 5):
        images = torch.randn(batch, *SHAPE)
        with torch.inference_mode():
            assert torch.equal(built.eval()(images), written.eval()(images))
    torch.manual_seed(1)
    expected = built.train()(images)
    torch.manual_seed(1)
    assert torch.equal(written.train()(images), expected)


def test_every_primitive_layer_is_written_as_it_is_built(tmp_path: Path) -> None:
    assert_equal(every_layer(), tmp_path)


@pytest.mark.parametrize("kind", [name for name, found in discover("spaces").items() if "images" in found.facts["data"]])
@pytest.mark.parametrize("number", range(6))
def test_random_architectures_compute_the_same_with_the_same_weights(kind: str, number: int, tmp_path: Path) -> None:
    _, space = parse_space({"kind": kind, "preset": "cpu"})
    assert_equal(sampled(space, number, SHAPE, 4), tmp_path)


@pytest.mark.parametrize("kind", [name for name, found in discover("spaces").items() if "images" in found.facts["data"]])
def test_the_source_imports_torch_alone_and_evaluates_nothing(kind: str) -> None:
    _, space = parse_space({"kind": kind, "preset": "paper"})
    graph = sampled(space, 0, (3, 32, 32), 10)
    tree = ast.parse(model_source(graph, (3, 32, 32), "A network"))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    modules = names + [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert set(modules) <= {"torch"}
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert not called & {"eval", "exec", "getattr", "setattr", "__import__", "compile", "open"}


def test_our_own_layers_come_along_once_and_only_where_they_are_used() -> None:
    def network(*ops: str) -> str:
        layers, source = Layers(), "input"
        for number, op in enumerate(ops):
            source = layers.put(f"layer_{number}", op, source, kernel=3, stride=1)
        layers.linear("classifier", layers.put("pool", "global_avg_pool", source), 2)
        return model_source(layers.graph(), SHAPE, "A network")

    banded = network("banded_conv", "relu", "banded_conv")
    assert banded.count("class BandedConv(nn.Module)") == 1 and "from torch import Tensor, nn" in banded
    assert "self.layer_0 = BandedConv(3, 3, 1)" in banded and "ZeroUpsample" not in banded
    assert "BandedConv" not in network("relu") and "Tensor" not in network("relu")


def test_dead_nodes_are_not_written() -> None:
    graph = Graph((Node("input", "input"), Node("lost", "conv", ("input",), {"channels": 2, "kernel": 3}),
                   Node("pool", "global_avg_pool", ("input",)),
                   Node("classifier", "linear", ("pool",), {"units": 2})), "classifier")
    assert "lost" not in model_source(graph, SHAPE, "")


@pytest.mark.parametrize("name", ["x", "self", "torch", "nn", "class", "a b", "a;b", "_hidden", "é", "", "a\nb", "1a"])
def test_a_name_that_is_no_plain_variable_never_becomes_source(name: str) -> None:
    graph = Graph((Node("input", "input"), Node(name, "global_avg_pool", ("input",)),
                   Node("classifier", "linear", (name,), {"units": 2})), "classifier")
    with pytest.raises(ValueError, match="cannot be a variable"):
        model_source(graph, SHAPE, "")


@pytest.mark.parametrize("text", ['"""\nimport os\n"""', "a\\", 'ends with "', "{shape}", "\u2028import os", "a\rimport os"])
def test_words_of_others_stay_words(text: str) -> None:
    graph = Graph((Node("input", "input"), Node("pool", "global_avg_pool", ("input",), group=text),
                   Node("classifier", "linear", ("pool",), {"units": 2}, group=text)), "classifier")
    tree: Any = ast.parse(model_source(graph, SHAPE, text))
    assert [type(node).__name__ for node in tree.body] == ["Expr", "ImportFrom", "ClassDef"]
    assert len(tree.body[2].body) == 3           # docstring, __init__, forward
