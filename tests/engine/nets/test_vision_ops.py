"""Layers of the vision pipeline, each against its formula written out."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from engine.nets.ops import Affine, FilterBank, LocalNorm, LpPool, RowNorm, SplitReLU

torch.set_num_threads(1)
IMAGES = torch.randn(2, 3, 7, 6, generator=torch.Generator().manual_seed(0))


def patches(images: Tensor, kernel: int) -> Tensor:
    """(batch, patch, places)"""
    return torch.nn.functional.unfold(images, kernel)


@pytest.mark.parametrize("remove_mean", [False, True])
@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("beta", [0.01, 4.0])
def test_a_filter_bank_is_a_normalised_correlation(remove_mean: bool, hard: bool, beta: float) -> None:
    bank = FilterBank(3, 5, 3, beta, remove_mean, hard, seed=1)
    found = patches(IMAGES, 3)
    if remove_mean:
        found = found - found.mean(1, keepdim=True)
    norm = found.norm(dim=1, keepdim=True)
    size = norm.clamp(min=beta) if hard else (norm**2 + beta**2).sqrt()
    expected = (bank.weight.flatten(1) @ (found / size)).reshape(2, 5, 5, 4)
    assert torch.allclose(bank(IMAGES), expected, atol=1e-5)


@pytest.mark.parametrize("images", [torch.zeros(1, 3, 5, 5), torch.full((1, 3, 5, 5), 3.0), 1e4 * torch.ones(1, 3, 5, 5)])
def test_flat_patches_give_finite_numbers_and_gradients(images: Tensor) -> None:
    for hard in (False, True):
        bank = FilterBank(3, 2, 3, 0.01, True, hard)
        given = images.clone().requires_grad_()
        bank(given).sum().backward()
        assert given.grad is not None and given.grad.isfinite().all() and bank.weight.grad.isfinite().all()


def test_fixed_filters_come_from_their_seed_alone_and_are_not_trained() -> None:
    torch.manual_seed(1)
    one = FilterBank(3, 4, 3, 1.0, False, False, seed=5)
    torch.manual_seed(2)
    same, other = (FilterBank(3, 4, 3, 1.0, False, False, seed=seed) for seed in (5, 6))
    assert torch.equal(one.weight, same.weight) and not torch.equal(one.weight, other.weight)
    assert list(one.parameters()) == [] and "weight" in one.state_dict()
    assert len(list(FilterBank(3, 4, 3, 1.0, False, False).parameters())) == 1


def test_whitened_filters_change_more_from_pixel_to_pixel_the_smaller_gamma_is() -> None:
    def roughness(**more: Any) -> float:
        weight = FilterBank(1, 64, 5, 1.0, False, False, seed=0, unit=True, **more).weight
        return float((weight[..., 1:] - weight[..., :-1]).square().mean())

    assert torch.allclose(FilterBank(1, 64, 5, 1.0, False, False, seed=0, unit=True).weight.flatten(1).norm(dim=1),
                          torch.ones(64))
    assert roughness(gamma=1e-3) > roughness(gamma=1.0) > roughness(gamma=100.0)
    assert roughness(gamma=1e6) == pytest.approx(roughness(), rel=1e-3)


@pytest.mark.parametrize("order", [0.2, 1.0, 2.0, 8.0])
def test_a_pool_is_the_mean_of_its_order(order: float) -> None:
    found = LpPool(order, 3, 2)(IMAGES)
    windows = IMAGES.abs().unfold(2, 3, 2).unfold(3, 3, 2).flatten(4)
    expected = (windows.clamp(min=1e-3) ** order).mean(-1) ** (1 / order)
    assert found.shape == (2, 3, 3, 2) and torch.allclose(found, expected, rtol=0.02)


@pytest.mark.parametrize("order", [1 / 9, 1.0, 9.0])
@pytest.mark.parametrize("scale", [0.0, 1e-12, 1e12])
def test_a_pool_never_gives_nan(order: float, scale: float) -> None:
    given = (scale * IMAGES).requires_grad_()
    LpPool(order, 2, 1)(given).sum().backward()
    assert given.grad is not None and given.grad.isfinite().all()


def test_a_split_keeps_what_is_above_and_below() -> None:
    given = torch.tensor([-2.0, -0.5, 0.5, 3.0]).reshape(1, 1, 2, 2)
    found = SplitReLU(1.0)(given)
    assert found[0, 0].flatten().tolist() == [0, 0, 0, 2] and found[0, 1].flatten().tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
def test_local_normalisation_divides_by_what_is_around(kernel: int) -> None:
    found = LocalNorm(kernel, 1e-6)(5 * IMAGES)
    assert found.shape == IMAGES.shape and torch.allclose(found, LocalNorm(kernel, 1e-6)(IMAGES), atol=1e-5)
    assert torch.allclose(LocalNorm(kernel, 1e6)(IMAGES), IMAGES / 1e6)
    if kernel == 1:
        assert torch.allclose(found.norm(dim=1), torch.ones(2, 7, 6))


def test_rows_of_length_one() -> None:
    assert torch.allclose(RowNorm()(torch.randn(4, 9)).norm(dim=1), torch.ones(4))


def test_an_affine_warp_of_nothing_is_the_image_and_a_quarter_turn_turns_it() -> None:
    square = torch.rand(2, 3, 6, 6)
    assert torch.allclose(Affine(6, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0)(square), square, atol=1e-5)
    assert torch.allclose(Affine(6, torch.pi / 2, 0.0, 1.0, 1.0, 0.0, 0.0)(square), square.rot90(1, (2, 3)), atol=1e-4)
    assert Affine(4, 0.2, 0.1, 0.9, 1.1, 0.1, -0.1)(square).shape == (2, 3, 4, 4)
