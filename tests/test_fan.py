import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from differential_diffusion import fan
from differential_diffusion.change_map import Bounds, Extent
from differential_diffusion.fan import Axis, FanDoesNotFit, OneClickFans


@given(st.integers(2, 10), st.integers(8, 300))
def test_parts_cover_the_picture_and_differ_by_one_cell_at_most(count, cells):
    if count > cells:
        return
    borders = fan.borders(count, cells)
    widths = np.diff(borders)
    assert borders[0] == 0 and borders[-1] == cells and len(widths) == count
    assert widths.min() >= 1 and widths.max() - widths.min() <= 1


def test_more_parts_than_cells_are_refused():
    with pytest.raises(FanDoesNotFit, match="10 strengths do not fit: the picture has 8 latent cells"):
        fan.borders(10, 8)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=8), st.sampled_from(Axis))
def test_every_cell_has_one_of_the_strengths_in_their_order(strengths, axis):
    cells = fan.strengths_of_cells(tuple(strengths), axis, Extent(24, 16))
    assert cells.shape == (16, 24)
    lines = cells if axis is Axis.COLUMNS else cells.T
    assert (lines == lines[0]).all()
    assert [s for i, s in enumerate(lines[0]) if i == 0 or s != lines[0][i - 1]] == [
        s for i, s in enumerate(strengths) if i == 0 or s != strengths[i - 1]
    ]


def test_spaced():
    assert fan.spaced(5, 0.2, 1) == (0.2, 0.4, 0.6, 0.8, 1.0)
    assert fan.spaced(2, 0.9, 0.3) == (0.9, 0.3)
    assert fan.spaced(3, 0.5, 0.5) == (0.5, 0.5, 0.5)


def test_parts_lie_in_the_generated_area_and_touch():
    parts = fan.parts((0.2, 0.6, 1.0), (5, 13, 20), Axis.ROWS, Extent(10, 8), Bounds(30, 100, 40, 160))
    assert [(part.start, part.end) for part in parts] == [(100, 160), (160, 200), (200, 260)]
    assert [(part.strength, part.steps) for part in parts] == [(0.2, 5), (0.6, 13), (1.0, 20)]


@pytest.mark.parametrize("text", ["0.2-0.8", "0.2 - 0.8", "0.2 0.8", ".2, .8"])
def test_a_range_as_people_write_it(text):
    assert fan.range_of(text) == (0.2, 0.8)


@pytest.mark.parametrize("text", ["", "0.2", "0.2-1.5", "0.1-0.2-0.3", "low-high"])
def test_what_is_no_range_is_refused(text):
    with pytest.raises(ValueError, match="two numbers from 0 to 1"):
        fan.range_of(text)


class TestOneClickFans:
    def test_a_tag_belongs_to_the_first_job_that_brings_it(self):
        fans = OneClickFans()
        assert fans.claims("fan:a", 1) and fans.claims("fan:a", 1)
        assert not fans.claims("fan:a", 2)
        assert fans.claims("fan:b", 2)
        assert not fans.claims("fan:a", 1.5)

    @pytest.mark.parametrize("tag", ["", None])
    def test_no_tag_is_no_fan(self, tag):
        assert not OneClickFans().claims(tag, 1)

    def test_only_so_many_are_remembered(self):
        fans = OneClickFans()
        for job in range(3 * fans.REMEMBERED):
            assert fans.claims(f"fan:{job}", job)
        assert len(fans._jobs) == fans.REMEMBERED
        assert not fans.claims(f"fan:{job}", job + 1)
