import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from differential_diffusion import automatic, change_map
from differential_diffusion.automatic import Part
from differential_diffusion.change_map import Extent

planes = arrays(np.float32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.floats(0, 1, width=32))


def textured(width: int, height: int) -> np.ndarray:
    """A grey picture, uint8 (H, W, 3): noise of one pixel and of thirty, waxing and waning, over a flat ground."""
    rng = np.random.default_rng(6)
    fine = rng.normal(size=(height, width)) * 25
    coarse, amount = (
        change_map.resample(rng.normal(size=(height // side, width // side)), Extent(width, height))
        for side in (30, 240)
    )
    grey = (128 + fine * amount.clip(0, 1) + coarse * 12).clip(0, 255)
    return grey.astype(np.uint8)[..., None].repeat(3, -1)


class TestFromPredictions:
    @staticmethod
    def predictions(seed: int = 0, shape=(6, 4, 20, 20)):
        rng = np.random.default_rng(seed)
        return rng.normal(size=shape), rng.normal(size=shape), rng.normal(size=shape[1:])

    def test_is_what_the_texts_differ_in_weighed_by_what_that_tells(self):
        wanted, against, original = self.predictions()
        difference, told = np.zeros((20, 20)), np.zeros((20, 20))
        for n in range(6):
            for c in range(4):
                difference += abs(wanted[n, c] - against[n, c]) / 24
                told += ((against[n, c] - original[c]) ** 2 - (wanted[n, c] - original[c]) ** 2) / 24
        size = (difference * abs(told)) ** 0.5
        full = np.sort(size.ravel())[396]  # of 400, four lie above
        found = automatic.from_predictions(wanted, against, original)
        assert found.max() == 1 and (found == 1).sum() == 4
        assert np.allclose(found, np.minimum(size / full, 1), rtol=0.02)

    def test_which_text_is_the_wanted_one_and_the_scale_do_not_matter(self):
        wanted, against, original = self.predictions(1)
        expected = automatic.from_predictions(wanted, against, original)
        assert np.array_equal(automatic.from_predictions(against, wanted, original), expected)
        assert np.allclose(automatic.from_predictions(0.1 * wanted, 0.1 * against, 0.1 * original), expected)

    def test_what_is_predicted_no_better_and_no_worse_does_not_count(self):
        wanted, against, original = np.full((2, 1, 1, 2), 1.0), np.array([[[[-1.0, 0.0]]]] * 2), np.zeros((1, 1, 2))
        assert automatic.from_predictions(wanted, against, original).tolist() == [[0, 1]]

    def test_nothing_is_found_where_there_is_no_difference(self):
        wanted, _, original = self.predictions()
        assert not automatic.from_predictions(wanted, wanted, original).any()


class TestEqualised:
    def test_every_grey_covers_as_much_as_any_other(self):
        values = np.random.default_rng(2).beta(2, 8, size=(40, 50))
        even = np.sort(automatic.equalised(values).ravel())
        assert np.allclose(even, np.linspace(0, 1, 2000), atol=1e-3), "a pixel is 5e-4"

    @given(planes)
    def test_order_is_kept_and_the_whole_range_used(self, plane):
        even = automatic.equalised(plane)
        first, second = plane.ravel()[:, None].astype(float), plane.ravel()[None].astype(float)
        below = even.ravel()[:, None] < even.ravel()[None]
        assert not below[first >= second].any()
        assert below[second - first > 1.01 * np.ptp(plane) / automatic.TONES].all(), "the rest is rounding"
        if np.ptp(plane):
            assert even.min() == 0 and even.max() == 1
        else:
            assert np.array_equal(even, plane)

    @pytest.mark.parametrize("shape", [(1, 1500), (700, 1600), (1600, 700)])
    def test_each_value_becomes_its_share(self, shape):
        """Also where a plane is looked at in several bands."""
        values = np.random.default_rng(3).integers(0, 200, shape)
        even = automatic.equalised((values / 7).astype(np.float32))
        counts = np.array([(values == level).sum() for level in range(200)])
        rank = np.array([counts[:level].sum() + counts[level] / 2 for level in range(200)])
        expected = ((rank - rank[0]) / (rank[-1] - rank[0]))[values]
        assert even.dtype == np.float32 and np.abs(even - expected).max() < 1e-6

    def test_memory_is_that_of_the_result_and_a_band(self):
        plane = np.random.default_rng(3).random((4096, 2048), np.float32)
        tracemalloc.start()
        automatic.equalised(plane)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < plane.nbytes + 32 * automatic.BAND

    def test_it_does_not_matter_how_the_values_were_bent(self):
        values = np.random.default_rng(3).integers(0, 40, (90, 90)) / 39
        assert np.array_equal(automatic.equalised(values**3), automatic.equalised(values))


class TestParts:
    @pytest.mark.parametrize(("part", "full", "none"), [(Part.HIGH, 1, 0), (Part.LOW, 0, 1), (Part.MIDDLE, 0.5, 0)])
    def test_is_1_where_it_lies_and_0_farthest_of_it(self, part, full, none):
        assert automatic.of_part(np.array([full, none]), part).tolist() == [1, 0]

    @given(planes)
    def test_high_and_low_are_each_others_negative(self, plane):
        high, low = (automatic.of_part(plane, part) for part in (Part.HIGH, Part.LOW))
        assert np.allclose(high + low, 1)


class TestOfThePicture:
    def test_luminance_is_that_of_an_uploaded_map(self):
        picture = np.random.default_rng(4).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        weights = picture @ np.array([0.299, 0.587, 0.114]) / 255
        assert np.abs(automatic.luminance(picture) - weights).max() < 1 / 255

    def test_saturation_is_0_for_grey_and_1_for_a_pure_colour(self):
        picture = np.array([[[90, 90, 90], [0, 0, 200], [200, 100, 100], [0, 0, 0]]], np.uint8)
        assert np.allclose(automatic.saturation(picture), [[0, 1, 0.5, 0]], atol=1 / 255)

    def test_detail_is_where_something_happens(self):
        picture = np.full((128, 128, 3), 120, np.uint8)
        picture[:, 64:] = np.random.default_rng(5).integers(0, 256, (128, 64, 1))
        found = automatic.detail(picture)
        assert found[:, :56].max() < 0.05 and found[:, 72:].min() > 0.5

    @pytest.mark.parametrize("size", [(1536, 1024), (1100, 1900)])
    def test_detail_of_a_large_picture_is_that_of_all_of_its_pixels(self, size):
        picture = textured(*size)
        bright = picture[..., 0] / 255
        sigma = 0.01 * max(size)
        mean, of_squares = (ndimage.gaussian_filter(values, sigma, mode="mirror") for values in (bright, bright**2))
        deviation = np.sqrt((of_squares - mean**2).clip(0))
        expected = (deviation / np.percentile(deviation, 99)).clip(0, 1)
        found = change_map.resample(automatic.detail(picture), Extent(*size))
        error = np.abs(found - expected)
        assert error.mean() < 0.0005 and error.max() < 0.01, "0.0002 and 0.006 are what averaging costs"

    def test_detail_keeps_texture_however_fine_and_takes_no_more_of_a_larger_picture(self):
        """The pattern's pixels vanish in the average; their spread does not."""
        checks = np.indices((2048, 2048)).sum(0) % 2 * 60
        checks[:, 1024:] = 30
        found = automatic.detail((100 + checks).astype(np.uint8)[..., None].repeat(3, -1))
        assert found.shape == (768, 768)
        assert found[:, :350].min() > 0.99 and found[:, 420:].max() < 0.01


class TestFinished:
    def test_has_the_pictures_size(self):
        plane = np.array([[0, 1], [0.5, 0.25]], np.float32)
        assert np.array_equal(automatic.finished(plane, Extent(2, 2), False, Part.HIGH), plane)
        assert automatic.finished(plane, Extent(30, 20), False, Part.HIGH).shape == (20, 30)

    def test_equalising_comes_before_the_part(self):
        plane = np.linspace(0, 0.1, 101, dtype=np.float32)[None]
        middle = automatic.finished(plane, Extent(101, 1), True, Part.MIDDLE)
        assert middle[0, 50] == 1 and middle[0, 0] == middle[0, -1] == 0


@given(st.integers(8, 16384), st.integers(8, 16384))
def test_the_model_is_asked_at_a_size_that_it_takes(width, height):
    size = automatic.asked_size(Extent(width, height))
    sides = np.array([size.width, size.height])
    assert (sides % 64 == 0).all() and sides.min() >= 64 and sides.max() <= 768
    scale = min(1, 768 / max(width, height))
    assert (np.abs(sides - scale * np.array([width, height])) <= 64).all()


def test_24_calls_at_most():
    assert len(automatic.LEVELS) * automatic.DRAWS <= 24
