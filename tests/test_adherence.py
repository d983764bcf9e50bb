"""What a run changed, and how well that followed the map, against independent computations."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import avg_pool2d, interpolate
from torchmetrics.functional.image import structural_similarity_index_measure

from differential_diffusion import adherence, change_picture, lettering
from differential_diffusion.adherence import SCALES, SIDE, cam, dam

RNG = np.random.default_rng(2306)
BEFORE = RNG.integers(0, 256, (96, 128, 3), dtype=np.uint8)


def altered(where: np.ndarray, amount: int = 60) -> np.ndarray:
    noise = RNG.integers(-amount, amount + 1, BEFORE.shape)
    return (BEFORE + noise * where[..., None]).clip(0, 255).astype(np.uint8)


def test_the_distance_is_that_of_a_library():
    after = altered(np.linspace(0, 1, 128) * np.ones((96, 1)))
    a, b = (torch.from_numpy(picture).movedim(-1, 0)[None].float() / 255 for picture in (BEFORE, after))
    maps = []
    for scale in SCALES:
        small = [avg_pool2d(plane, scale) for plane in (a, b)]
        _, similar = structural_similarity_index_measure(*small, data_range=1.0, return_full_image=True)
        maps.append(interpolate(1 - similar.mean(1, keepdim=True), size=a.shape[-2:], mode="bilinear"))
    expected = torch.stack(maps).mean(0)[0, 0].numpy()
    inside = np.s_[40:-40, 40:-40]  # the libraries continue a picture beyond its edges in different ways
    assert np.abs(adherence.distance(BEFORE, after) - expected)[inside].max() < 2e-3


def test_distance_of_equal_pictures_is_0_and_grows_with_the_change():
    assert np.abs(adherence.distance(BEFORE, BEFORE)).max() < 1e-6
    everywhere = np.ones(BEFORE.shape[:2])
    means = [adherence.distance(BEFORE, altered(everywhere, amount)).mean() for amount in (10, 40, 120)]
    assert 0 < means[0] < means[1] < means[2] <= 1


@pytest.mark.parametrize("size", [(8, 8), (5, 300)])
def test_distance_of_a_small_picture(size):
    before, after = RNG.integers(0, 256, (2, *size, 3), dtype=np.uint8)
    assert adherence.distance(before, after).shape == size


def test_cam_is_unmoved_by_scale_and_dam_is_its_residual():
    change_map = np.tile(np.linspace(0, 1, SIDE), (SIDE, 1))
    strength = 3 * change_map + 7
    assert cam(change_map, strength) == pytest.approx(1) and dam(change_map, strength) == pytest.approx(0, abs=1e-9)
    noisy = change_map + RNG.normal(0, 0.2, change_map.shape)
    # the residual of a regression line (see tests/benchmarks/paper_maps.py)
    residual = np.linalg.norm(change_map - change_map.mean()) * np.sqrt(1 - cam(change_map, noisy) ** 2)
    assert dam(change_map, noisy) == pytest.approx(residual)
    assert np.isnan(cam(np.ones((4, 4)), noisy[:4, :4]))


def test_a_change_that_follows_its_map_scores_higher_than_another():
    ramp = np.linspace(0, 1, 128) * np.ones((96, 1))
    before, after = (Image.fromarray(picture) for picture in (BEFORE, altered(ramp)))
    with_it = change_picture.measure(before, after, ramp[::8, ::8])
    against_it = change_picture.measure(before, after, 1 - ramp[::8, ::8])
    # an enlarged map's cells of 0 stay 0 as a whole, and its opposite's do not: 7e-4 apart
    assert with_it.cam > 0.8 and against_it.cam == pytest.approx(-with_it.cam, abs=2e-3)
    assert f"CAM {with_it.cam:.2f}" in with_it.figures and "follows the map" in with_it.sentence


def test_a_uniform_map_has_no_figures():
    change = change_picture.measure(
        Image.fromarray(BEFORE), Image.fromarray(altered(np.ones((96, 128)))), np.ones((12, 16))
    )
    assert (
        np.isnan(change.cam) and np.isnan(change.dam) and change.figures == "" and "same everywhere" in change.sentence
    )


@pytest.mark.parametrize("size", [(64, 64), (128, 96), (2048, 1024)])
def test_the_heat_map_is_brighter_where_more_changed_and_its_bar_is_legible(size):
    distance = np.tile(np.linspace(0, 1, size[0], dtype=np.float32), (size[1], 1))
    drawn = change_picture.drawn(change_picture.Change(distance, 0.5, 50))
    factor = drawn.width // size[0]
    assert drawn.width == factor * size[0]
    heat, bar = np.asarray(drawn)[-factor * size[1] :], np.asarray(drawn)[: -factor * size[1]]
    brightness = heat.astype(float).mean(axis=(0, 2))
    assert (np.diff(brightness) >= -2).all() and brightness[-1] > 4 * brightness[0]
    text = np.flatnonzero((bar > np.asarray(lettering.DIM) + 10).all(axis=2).any(axis=0))
    assert text[0] > 0 and text[-1] < bar.shape[1] - 1 and len(bar) >= lettering.BLOCK * lettering.LEAST_CAPITAL - 1
