"""Augmentation: random to the eye, a function of (seed, epoch, index) to the machine."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from engine.training.augment import AUGMENTATIONS, _shifted, augment, draws

torch.set_num_threads(1)
IMAGES = torch.randint(1, 256, (40, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
PLACES = torch.arange(100, 140)


def changed(kind: str, epoch: int = 0, seed: int = 0, images: Tensor = IMAGES, places: Tensor = PLACES) -> Tensor:
    return augment(images, places, epoch, kind=kind, seed=seed)


@pytest.mark.parametrize("kind", AUGMENTATIONS)
def test_shape_and_type_stay(kind: str) -> None:
    out = changed(kind)
    assert out.shape == IMAGES.shape and out.dtype == torch.uint8


@pytest.mark.parametrize("kind", AUGMENTATIONS[1:])
def test_an_image_gets_the_same_whatever_its_batch(kind: str) -> None:
    whole = changed(kind)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(1))
    shuffled = torch.cat([changed(kind, images=IMAGES[part], places=PLACES[part]) for part in order.split(7)])
    assert torch.equal(shuffled, whole[order])


@pytest.mark.parametrize("kind", AUGMENTATIONS[1:])
def test_epochs_seeds_and_places_differ(kind: str) -> None:
    first = changed(kind)
    for other in (changed(kind, epoch=1), changed(kind, seed=1), changed(kind, places=PLACES + 40)):
        assert not torch.equal(first, other)


@pytest.mark.parametrize("kind", AUGMENTATIONS)
def test_the_given_images_stay_as_they_are(kind: str) -> None:
    images = IMAGES.clone()
    changed(kind, images=images)
    assert torch.equal(images, IMAGES)


def test_none_is_none() -> None:
    assert changed("none") is IMAGES


def test_a_crop_is_a_window_of_the_bordered_image() -> None:
    bordered = torch.nn.functional.pad(IMAGES, (2, 2, 2, 2))
    found = set()
    for image, window in zip(bordered, changed("crop"), strict=True):
        fits = [(y, x) for y in range(5) for x in range(5) if torch.equal(image[:, y: y + 16, x: x + 16], window)]
        assert len(fits) == 1
        found.add(fits[0])
    assert len(found) > 10


def test_half_of_the_images_are_flipped() -> None:
    symmetric = torch.zeros(2000, 1, 8, 8, dtype=torch.uint8)
    symmetric[..., :4] = 1                      # bright on the left, far from the border of a crop by one pixel
    out = augment(symmetric, torch.arange(2000), 0, kind="crop_flip", seed=0)
    flipped = (out[:, 0, 4, 6] == 1).float().mean().item()
    assert 0.45 < flipped < 0.55


def test_a_hole_covers_up_to_a_quarter() -> None:
    bright = torch.full((500, 1, 16, 16), 9, dtype=torch.uint8)
    cropped = augment(bright, torch.arange(500), 0, kind="crop_flip", seed=0)
    holed = augment(bright, torch.arange(500), 0, kind="crop_flip_cutout", seed=0)
    dark = ((cropped != 0) & (holed == 0)).sum((1, 2, 3))
    assert int(dark.max()) == 64 and int(dark.min()) >= 4
    assert torch.equal(holed[holed != 0], cropped[holed != 0])


def test_draws_are_spread_evenly_and_do_not_hang_together() -> None:
    drawn = draws(torch.arange(20_000), key=12345, count=3)
    assert int(drawn.min()) >= 0
    for column in range(3):
        counts = torch.bincount(drawn[:, column] % 9, minlength=9).float()
        assert float((counts - 20_000 / 9).abs().max()) < 5 * (20_000 / 9) ** 0.5
    both = torch.bincount((drawn[:, 0] % 4) * 4 + drawn[:, 1] % 4, minlength=16).float()
    assert float((both - 1250).abs().max()) < 5 * 1250**0.5


def test_draws_are_splitmix64() -> None:
    """Against the reference arithmetic in whole numbers without sign."""
    mask, key = 2**64 - 1, 987654321
    for index in (0, 1, 7, 59_999):
        for k in range(2):
            z = ((index * 2 + k + 1) * 0x9E3779B97F4A7C15 + key) & mask
            z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
            z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
            assert int(draws(torch.tensor([index]), key, 2)[0, k]) == (z ^ (z >> 31)) >> 2


def test_shifting_fills_with_zeros() -> None:
    assert _shifted(torch.tensor([-1, 8]), 2).tolist() == [2**62 - 1, 2]
