import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from differential_diffusion import fan
from differential_diffusion.change_map import Bounds, Extent
from differential_diffusion.fan import Axis, FanDoesNotFit, FanTickets, Layout, Turn


def layout_over(change, strengths, axis=Axis.COLUMNS) -> Layout:
    return Layout.over(np.asarray(change, dtype=np.float64), tuple(strengths), axis)


def row(*values: float) -> np.ndarray:
    return np.array([values])


@given(st.integers(2, 10), st.integers(8, 300))
def test_parts_cover_the_picture_and_differ_by_one_cell_at_most(count, cells):
    if count > cells:
        return
    borders = layout_over(np.ones((3, cells)), [0.5] * count).borders
    widths = np.diff(borders)
    assert borders[0] == 0 and borders[-1] == cells and len(widths) == count
    assert widths.min() >= 1 and widths.max() - widths.min() <= 1


@given(st.lists(st.sampled_from([0, 0.1, 0.4, 0.5, 0.9, 1]), min_size=12, max_size=60), st.integers(2, 5))
def test_every_strength_is_seen_in_what_changes(values, count):
    change = np.array([values, np.zeros(len(values))])
    seen = np.array(values) >= max(values) / 2
    if seen.sum() < count:
        with pytest.raises(FanDoesNotFit):
            layout_over(change, [0.5] * count)
        return
    borders = layout_over(change, [0.5] * count).borders
    shares = [seen[start:end].sum() for start, end in zip(borders, borders[1:])]
    assert min(shares) >= 1 and max(shares) - min(shares) <= 1 and borders[-1] == len(values)


def test_a_shape_in_the_middle_has_all_parts_in_it():
    change = np.zeros((9, 40))
    change[2:7, 15:25] = 1
    assert layout_over(change, [0.2, 0.4, 0.6, 0.8, 1]).borders == (0, 17, 19, 21, 23, 40)
    assert layout_over(change.T, [0.2, 1], Axis.ROWS).borders == (0, 20, 40)


def test_a_gap_needs_no_part():
    assert layout_over(row(1, 1, 0, 0, 0, 0, 0, 1, 1), [0.2, 0.4, 0.6, 0.8]).borders == (0, 1, 7, 8, 9)


def test_a_map_that_changes_nothing_is_shared_out_whole():
    assert layout_over(np.zeros((2, 8)), [0.2, 1]).borders == (0, 4, 8)


def test_more_parts_than_cells_are_refused():
    with pytest.raises(FanDoesNotFit, match="10 strengths do not fit: what is to change has 8 latent cells"):
        layout_over(np.ones((20, 8)), [0.5] * 10)
    with pytest.raises(FanDoesNotFit, match="at most 2 do"):
        layout_over(row(0, 0, 1, 1, 0, 0), [0.5] * 3)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=8), st.sampled_from(Axis))
def test_every_cell_has_one_of_the_strengths_in_their_order(strengths, axis):
    cells = layout_over(np.ones((16, 24)), strengths, axis).strengths_of_cells(Extent(24, 16))
    assert cells.shape == (16, 24)
    lines = cells if axis is Axis.COLUMNS else cells.T
    assert (lines == lines[0]).all()
    assert [s for i, s in enumerate(lines[0]) if i == 0 or s != lines[0][i - 1]] == [
        s for i, s in enumerate(strengths) if i == 0 or s != strengths[i - 1]
    ]


def test_what_changes_is_shown_with_some_of_its_surroundings():
    change = np.zeros((20, 40))
    change[8:12, 16:32] = 0.01
    assert fan.view(change, Bounds(0, 0, 320, 160)) == Bounds(96, 56, 192, 48)
    assert fan.view(change, Bounds(100, 50, 160, 80)) == Bounds(148, 78, 96, 24)
    whole = Bounds(8, 16, 320, 160)
    assert fan.view(np.ones((20, 40)), whole) == fan.view(np.zeros((20, 40)), whole) == whole


def test_spaced():
    assert fan.spaced(5, 0.2, 1) == (0.2, 0.4, 0.6, 0.8, 1.0)
    assert fan.spaced(2, 0.9, 0.3) == (0.9, 0.3)
    assert fan.spaced(3, 0.5, 0.5) == (0.5, 0.5, 0.5)


def test_parts_lie_in_the_generated_area_and_touch():
    layout = Layout((0.2, 0.6, 1.0), Axis.ROWS, (0, 3, 5, 8))
    area = Bounds(30, 100, 40, 160)
    parts = fan.parts(layout, (0.2, 0.6, 0.5), (5, 13, 10), area, area)
    assert [(part.start, part.end) for part in parts] == [(100, 160), (160, 200), (200, 260)]
    assert [(part.strength, part.reached, part.steps) for part in parts] == [
        (0.2, 0.2, 5),
        (0.6, 0.6, 13),
        (1.0, 0.5, 10),
    ]
    shown = fan.parts(layout, (0.2, 0.6, 0.5), (5, 13, 10), area, Bounds(30, 140, 40, 80))
    assert [(part.start, part.end) for part in shown] == [(140, 160), (160, 200), (200, 220)]


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
