"""What the autoencoder lost is given back where little changed, and nowhere else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from differential_diffusion import texture

SIDE = 64


def picture(seed: int = 0) -> np.ndarray:
    """Coarse shapes with fine detail on them, float32 (SIDE, SIDE, 3) in 0.2..0.8."""
    rng = np.random.default_rng(seed)
    coarse = np.kron(rng.uniform(0.3, 0.7, (4, 4, 3)), np.ones((16, 16, 1)))
    return (coarse + rng.uniform(-0.1, 0.1, (SIDE, SIDE, 3))).astype(np.float32)


def without_detail(one: np.ndarray) -> np.ndarray:
    means = one.reshape(16, 4, 16, 4, 3).mean(axis=(1, 3))
    return np.kron(means, np.ones((4, 4, 1))).astype(np.float32)


def test_the_share_falls_from_most_to_nothing():
    strengths = np.linspace(0, 1, 101)
    shares = texture.share(strengths)
    assert (shares[strengths <= 0.12] == texture.MOST).all() and (shares[strengths >= 0.34] == 0).all()
    assert (np.diff(shares) <= 0).all() and np.abs(np.diff(shares)).max() < 0.07


@given(st.lists(st.floats(0, 1), min_size=16, max_size=16))
def test_strong_cells_get_nothing_and_no_cell_shows_a_step(values):
    strength = np.array(values).reshape(4, 4)
    shares = texture.share_of_pixels(strength, (32, 32))
    strong = np.kron(strength, np.ones((8, 8))) >= texture.STRONGEST
    assert (shares[strong] == 0).all() and shares.min() >= 0 and shares.max() <= 1
    assert max(np.abs(np.diff(shares, axis=axis)).max() for axis in (0, 1)) <= 1 / 8 + 1e-6


def test_a_result_that_did_not_change_is_the_picture_itself():
    given_picture = picture()
    unchanged = without_detail(given_picture)
    ours = texture.give_back(unchanged, given_picture, unchanged, np.ones((SIDE, SIDE), np.float32))
    assert np.abs(ours - given_picture).max() < 1e-6


def test_without_a_share_the_result_stays_as_it_is():
    result = picture(1)
    ours = texture.give_back(result, picture(), without_detail(picture()), np.zeros((SIDE, SIDE), np.float32))
    assert np.array_equal(ours, result)


def test_edges_that_moved_get_nothing_of_the_old_ones():
    """Stripes turned by a right angle: where they were, nothing of their detail comes back."""
    stripes = np.tile(np.float32([0.2, 0.2, 0.8, 0.8]), SIDE // 4)
    before = np.repeat(np.tile(stripes, (SIDE, 1))[..., None], 3, axis=2)
    after = before.transpose(1, 0, 2)
    assert texture.likeness(after, before).max() < 0.02
    lost = picture() - without_detail(picture())
    ours = texture.give_back(after, before + lost, before, np.ones((SIDE, SIDE), np.float32))
    assert np.abs(ours - after).max() < 0.02 * np.abs(lost).max()


@pytest.mark.parametrize("brightness", [-0.1, 0.15])
def test_another_brightness_alone_counts_as_alike(brightness):
    before = without_detail(picture())
    assert texture.likeness(before + brightness, before) == pytest.approx(1, abs=1e-4)


def test_flat_parts_are_alike():
    grey = np.full((SIDE, SIDE, 3), 0.5, np.float32)
    assert np.array_equal(texture.likeness(grey, grey), np.ones((SIDE, SIDE), np.float32))


def test_the_result_stays_a_picture():
    white = np.ones((SIDE, SIDE, 3), np.float32)
    ours = texture.give_back(white, white, 0.8 * white, np.ones((SIDE, SIDE), np.float32))
    assert ours.max() == 1 and ours.dtype == np.float32
