import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from differential_diffusion import fan
from differential_diffusion.change_map import Bounds, Extent
from differential_diffusion.fan import Axis, FanDoesNotFit, FanTickets, Turn


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


NONE, FAN, AFTER = Turn


class TestFanTickets:
    def test_a_ticket_belongs_to_the_first_job_that_brings_it(self):
        tickets = FanTickets()
        one, other = tickets.issue(), tickets.issue()
        assert [tickets.turn(one, job) for job in (1, 1, 2, 1.5, 1)] == [FAN, FAN, AFTER, AFTER, FAN]
        assert tickets.turn(other, 2) is FAN

    def test_a_page_that_has_its_fan_behind_it_makes_no_other(self):
        tickets = FanTickets()
        tag = tickets.issue()
        assert tickets.turn(tag.replace("fan:", "after:"), 1) is AFTER
        assert tickets.turn(tag, 2) is AFTER, "also where no job came between"

    def test_a_ticket_of_another_process_is_none(self):
        assert FanTickets().turn(FanTickets().issue(), 1) is NONE

    @pytest.mark.parametrize("tag", [None, "", "fan", "fan:", "fan:a", ":", 0, 1, True, 0.5, ["fan:a"], {}, "0.2, 0.4"])
    def test_nothing_else_is_a_fan(self, tag):
        tickets = FanTickets()
        tickets.issue()
        assert tickets.turn(tag, 1) is NONE

    def test_only_so_many_are_kept(self):
        tickets = FanTickets()
        tags = [tickets.issue() for _ in range(3 * tickets.KEPT)]
        assert [tickets.turn(tag, 1) for tag in (tags[0], tags[-tickets.KEPT - 1])] == [NONE, NONE]
        assert [tickets.turn(tag, 1) for tag in (tags[-tickets.KEPT], tags[-1])] == [FAN, FAN]
        assert len(set(tags)) == len(tags)
