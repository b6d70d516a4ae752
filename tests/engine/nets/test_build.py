"""Built networks: names, shapes, what each layer does, and that equal seeds give equal weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from engine.architecture.cost import measure
from engine.architecture.graph import Graph, Node
from engine.architecture.primitives import PRIMITIVES
from engine.errors import Invalid
from engine.nets.build import build
from engine.nets.supernet import KINDS

torch.set_num_threads(1)


def network(*nodes: Node) -> Graph:
    return Graph((Node("input", "input"), *nodes), nodes[-1].name)


def layer(op: str, *inputs: str, **settings: Any) -> Node:
    return Node("it", op, inputs or ("input",), settings)


SMALL = network(Node("wide", "conv", ("input",), {"channels": 4, "kernel": 3}), Node("norm", "batch_norm", ("wide",)),
                Node("bent", "relu", ("norm",)), Node("pool", "global_avg_pool", ("bent",)),
                Node("classifier", "linear", ("pool",), {"units": 3}))


def test_every_layer_names_a_module_of_torch_or_of_ours() -> None:
    settings = {"channels": 4, "kernel": 3, "units": 2, "rate": 0.5, "size": 16, "entries": 9, "width": 3, "hidden": 5,
                "first": "tanh", "nodes": [["relu", 0]], "heard": [1], "beta": 1.0,
                "remove_mean": True, "hard": False, "fixed": {"seed": 1}, "order": 2.0, "stride": 1, "alpha": 0.5,
                "threshold": 0.1, "rotation": 0.0, "shear": 0.0, "scale_x": 1.0, "scale_y": 1.0, "shift_x": 0.0,
                "shift_y": 0.0, "slope": 0.01, "ops": ["relu"], "apart": True, "loose": True, "norm": False,
                "groups": 2}
    for op, primitive in PRIMITIVES.items():
        call = primitive.call(Node("it", op, ("input",), settings), [(4, 8, 8)])
        assert call.name in KINDS or issubclass(getattr(torch.nn, call.name), torch.nn.Module)


def test_the_state_is_named_after_the_nodes() -> None:
    names = set(build(SMALL, (2, 8, 8)).state_dict())
    assert names == {"wide.weight", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var",
                     "norm.num_batches_tracked", "classifier.weight", "classifier.bias"}


def test_equal_seeds_give_equal_weights_and_others_do_not() -> None:
    def weights(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        found: torch.Tensor = build(SMALL, (2, 8, 8)).state_dict()["wide.weight"]
        return found

    assert torch.equal(weights(1), weights(1)) and not torch.equal(weights(1), weights(2))


@pytest.mark.parametrize("size", [(8, 8), (7, 9), (1, 1), (2, 5)])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("kernel", "dilation"), [(1, 1), (3, 1), (5, 1), (3, 2), (5, 3), ([1, 7], 1), ([7, 1], 1)])
def test_a_convolution_keeps_the_size_divided_by_the_stride(size: tuple[int, int], stride: int, kernel: Any,
                                                            dilation: int) -> None:
    graph = network(layer("conv", channels=4, kernel=kernel, stride=stride, dilation=dilation))
    shape = build(graph, (3, *size))(torch.zeros(2, 3, *size)).shape
    assert shape == (2, 4, -(-size[0] // stride), -(-size[1] // stride))


@pytest.mark.parametrize("window", [{"kernel": 3, "stride": 1}, {"kernel": 3, "stride": 2}, {"kernel": 2, "stride": 2},
                                      {"kernel": 5, "stride": 2}])
@pytest.mark.parametrize("op", ["max_pool", "avg_pool"])
@pytest.mark.parametrize("size", [(8, 8), (7, 9)])
def test_pools_give_the_shapes_that_are_priced(op: str, window: dict[str, int], size: tuple[int, int]) -> None:
    graph = network(layer(op, **window))
    shape = build(graph, (3, *size))(torch.zeros(2, 3, *size)).shape
    assert shape[1:] == measure(graph, (3, *size)).rows[-1].shape


def test_an_average_does_not_count_the_padding() -> None:
    ones = torch.ones(1, 1, 4, 4)
    assert torch.equal(build(network(layer("avg_pool", kernel=3, stride=1)), (1, 4, 4))(ones), ones)


@pytest.mark.parametrize(("size", "stride", "left"), [((4, 4), 1, (4, 4)), ((4, 4), 2, (2, 2)), ((5, 7), 2, (3, 4))])
def test_zero_is_zero_even_of_nan(size: tuple[int, int], stride: int, left: tuple[int, int]) -> None:
    given = torch.full((2, 3, *size), float("nan"))
    assert torch.equal(build(network(layer("zero", stride=stride)), (3, *size))(given), torch.zeros(2, 3, *left))


def test_add_concat_and_identity() -> None:
    given = torch.arange(8.0).reshape(1, 2, 2, 2)
    copy = Node("copy", "identity", ("input",))
    for op, expected in (("add", 3 * given), ("concat", torch.cat([given] * 3, 1))):
        graph = network(copy, layer(op, "input", "copy", "input"))
        assert torch.equal(build(graph, (2, 2, 2))(given), expected)


@pytest.mark.parametrize(("small", "large"), [((2, 2), (4, 4)), ((3, 4), (5, 8)), ((1, 1), (2, 1))])
def test_values_interleaved_with_zeros(small: tuple[int, int], large: tuple[int, int]) -> None:
    given = torch.rand(2, 3, *small) + 1
    found = build(network(layer("zero_upsample", size=large)), (3, *small))(given)
    assert found.shape == (2, 3, *large) and torch.equal(found[:, :, ::2, ::2], given)
    assert int((found == 0).sum()) == found.numel() - given.numel()


@pytest.mark.parametrize("stride", [1, 2])
def test_in_a_banded_convolution_channels_read_their_neighbours_only(stride: int) -> None:
    model = build(network(layer("banded_conv", kernel=3, stride=stride)), (5, 6, 6))
    given = torch.randn(1, 5, 6, 6, requires_grad=True)
    for channel in range(5):
        (gradient,) = torch.autograd.grad(model(given)[0, channel].sum(), given)
        read = [c for c in range(5) if gradient[0, c].any()]
        assert read == [c for c in (channel - 1, channel, channel + 1) if 0 <= c < 5]


def test_a_scale_is_a_factor_for_each_channel() -> None:
    graph = network(Node("mean", "global_avg_pool", ("input",)), layer("scale", "input", "mean"))
    given = torch.rand(2, 3, 4, 4)
    assert torch.equal(build(graph, (3, 4, 4))(given), given * given.mean((2, 3), keepdim=True))


@pytest.mark.parametrize(("size", "left"), [((1, 1), (2, 1)), ((2, 4), (1, 0)), ((3, 2), (1, 1)), ((5, 4), (0, 0))], ids=str)
def test_padding_puts_an_image_amid_zeros(size: tuple[int, int], left: tuple[int, int]) -> None:
    given = torch.rand(2, 3, *size) + 1
    found = build(network(layer("pad", size=(5, 4))), (3, *size))(given)
    assert found.shape == (2, 3, 5, 4) and found.count_nonzero() == given.numel()
    assert torch.equal(found[:, :, left[0]:left[0] + size[0], left[1]:left[1] + size[1]], given)


def test_results_are_kept_until_their_last_reader() -> None:
    graph = network(Node("a", "relu", ("input",)), Node("b", "add", ("a", "a")), Node("c", "add", ("b", "input")),
                    layer("add", "c", "a"))
    assert build(graph, (1, 1, 1))(torch.full((1, 1, 1, 1), 2.0)).item() == 8.0


def test_relu_leaves_what_others_read_alone() -> None:
    graph = network(Node("wide", "identity", ("input",)), Node("bent", "relu", ("wide",)), layer("add", "wide", "bent"))
    given = torch.tensor([-1.0, 2.0]).reshape(1, 2, 1, 1)
    assert build(graph, (2, 1, 1))(given.clone()).flatten().tolist() == [-1.0, 4.0]


def test_flatten_keeps_the_order_of_a_channels_last_image() -> None:
    given = torch.arange(12.0).reshape(1, 3, 2, 2)
    model = build(network(layer("flatten")), (3, 2, 2))
    assert torch.equal(model(given.contiguous(memory_format=torch.channels_last)), given.reshape(1, 12))


def test_dropout_acts_in_training_only() -> None:
    model, given = build(network(Node("flat", "flatten", ("input",)), layer("dropout", "flat", rate=0.5)), (1, 10, 10)), \
        torch.ones(1, 1, 10, 10)
    assert torch.equal(model.eval()(given), given.flatten(1))
    assert 20 < int((model.train()(given) == 0).sum()) < 80


def test_settings_without_bias_and_affine_have_no_such_weights() -> None:
    graph = network(Node("a", "conv", ("input",), {"channels": 4, "kernel": 1, "bias": True}),
                    Node("b", "batch_norm", ("a",), {"affine": False}), Node("c", "flatten", ("b",)),
                    Node("d", "linear", ("c",), {"units": 2, "bias": False}))
    parameters = dict(build(graph, (1, 2, 2)).named_parameters())
    assert set(parameters) == {"a.weight", "a.bias", "d.weight"}


def test_groups_split_the_channels() -> None:
    model = build(network(layer("conv", channels=6, kernel=3, groups=3)), (3, 4, 4))
    assert model.state_dict()["it.weight"].shape == (6, 1, 3, 3)


def test_nodes_that_nobody_hears_are_not_built() -> None:
    graph = Graph((Node("input", "input"), Node("deaf", "conv", ("input",), {"channels": 4, "kernel": 3}),
                   Node("it", "identity", ("input",))), "it")
    assert list(build(graph, (1, 4, 4)).parameters()) == []


def test_the_layout_in_memory_does_not_change_what_is_computed() -> None:
    torch.manual_seed(0)
    model, given = build(SMALL, (2, 8, 8)).eval(), torch.randn(3, 2, 8, 8)
    expected = model(given)
    model.to(memory_format=torch.channels_last)
    assert torch.allclose(model(given.contiguous(memory_format=torch.channels_last)), expected, atol=1e-6)


def test_impossible_shapes_are_refused_before_anything_is_built() -> None:
    with pytest.raises(Invalid, match="groups"):
        build(network(layer("conv", channels=4, kernel=3, groups=3)), (2, 4, 4))


def test_a_network_learns() -> None:
    torch.manual_seed(0)
    model = build(SMALL, (2, 8, 8))
    model(torch.randn(4, 2, 8, 8)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for name, p in model.named_parameters())
