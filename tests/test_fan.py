import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from differential_diffusion import fan
from differential_diffusion.change_map import Extent
from differential_diffusion.fan import Axis, FanDoesNotFit


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
