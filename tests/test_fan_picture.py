import numpy as np
import pytest
from PIL import Image

from differential_diffusion import fan, fan_picture, lettering
from differential_diffusion.change_map import Bounds
from differential_diffusion.fan import Axis, Layout


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def fan_of(size: tuple[int, int], count: int, axis: Axis, area: Bounds | None = None, steps: int = 20):
    """A picture, the area of its fan, the fan's parts and the labelled picture."""
    picture = noise(*size)
    area = area or Bounds(0, 0, *size)
    strengths = fan.spaced(count, 0.2, 1)
    free = [int(min(s, 0.999) * steps) + 1 for s in strengths]
    layout = Layout.over(np.ones((area.height // 8, area.width // 8)), strengths, axis)
    parts = fan.parts(layout, strengths, free, area, area)
    return picture, area, parts, fan_picture.labelled(picture, area, axis, parts, steps)


SIZES = [(64, 64), (64, 512), (512, 64), (512, 512), (520, 392), (2048, 1024), (2048, 2048)]


@pytest.mark.parametrize("axis", Axis)
@pytest.mark.parametrize("count", [2, 5, 8])
@pytest.mark.parametrize("size", SIZES)
def test_the_picture_stands_unchanged_beside_its_bar(size, count, axis):
    picture, _, parts, result = fan_of(size, count, axis)
    is_columns = axis is Axis.COLUMNS
    factor = (result.width if is_columns else result.height) / (size[0] if is_columns else size[1])
    assert factor == int(factor)
    shown = np.asarray(result)[-size[1] * int(factor) :, -size[0] * int(factor) :]
    enlarged = np.asarray(picture).repeat(int(factor), 0).repeat(int(factor), 1)
    same = (shown == enlarged).all(axis=(2, 0 if is_columns else 1))
    borders = [part.start * int(factor) for part in parts[1:]]
    changed = np.flatnonzero(~same)
    assert all(min(abs(at - border) for border in borders) <= max(1, max(result.size) / 500) for at in changed)
    assert all(any(abs(at - border) <= max(1, max(result.size) / 500) for at in changed) for border in borders)


@pytest.mark.parametrize("axis", Axis)
@pytest.mark.parametrize("size", SIZES)
def test_every_label_is_large_enough_to_read_and_stays_in_its_part(size, axis):
    _, _, parts, result = fan_of(size, 8, axis)
    is_columns = axis is Axis.COLUMNS
    factor = (result.width if is_columns else result.height) // (size[0] if is_columns else size[1])
    bar = np.asarray(result)[: -size[1] * factor] if is_columns else np.asarray(result)[:, : -size[0] * factor]
    bar = bar if is_columns else bar.swapaxes(0, 1)
    for part in parts:
        label = (bar[:, part.start * factor : part.end * factor] > np.asarray(lettering.DIM) + 10).all(axis=2)
        label = label if is_columns else label.swapaxes(0, 1)
        rows, columns = np.flatnonzero(label.any(axis=1)), np.flatnonzero(label.any(axis=0))
        height = np.ptp(rows) + 1
        assert height >= lettering.LEAST_CAPITAL and (max(size) > 2 * min(size) or height > max(result.size) / 120)
        assert columns[0] > 0 and columns[-1] < label.shape[1] - 1


def test_labels_say_strength_and_steps():
    _, _, _, one = fan_of((512, 512), 3, Axis.COLUMNS, steps=20)
    _, _, _, other = fan_of((512, 512), 3, Axis.COLUMNS, steps=30)
    assert one.size == other.size
    capital = one.height - 512
    assert not np.array_equal(np.asarray(one)[:capital], np.asarray(other)[:capital])
    assert np.array_equal(np.asarray(one)[: capital // 2], np.asarray(other)[: capital // 2])


def test_parts_of_equal_steps_are_not_separated():
    picture = noise(256, 256)
    area = Bounds(0, 0, 256, 256)
    layout = Layout.over(np.ones((32, 32)), (0.5, 0.5), Axis.COLUMNS)
    parts = fan.parts(layout, (0.5, 0.5), (10, 10), area, area)
    result = fan_picture.labelled(picture, area, Axis.COLUMNS, parts, 20)
    assert np.array_equal(np.asarray(result)[-256:], np.asarray(picture))


def test_a_label_says_what_a_grey_map_lets_through(monkeypatch):
    """In every form that is short enough."""
    written = []
    monkeypatch.setattr(lettering, "write_two", lambda bar, lines, middle, capital: written.append(lines))
    expected = {
        1024: [("0.50 of 0.4 = 0.20", "5 of 20 steps"), ("0.8", "17 of 20 steps")],
        256: [("0.4: 0.20", "5 of 20 steps"), ("0.8", "17 of 20 steps")],
        64: [("0.4: 0.20", "5 steps"), ("0.8", "17 steps")],
    }
    for width, labels in expected.items():
        written.clear()
        area = Bounds(0, 0, width, 256)
        layout = Layout((0.4, 0.8), Axis.COLUMNS, (0, width // 16, width // 8))
        parts = fan.parts(layout, (0.2, 0.799), (5, 17), area, area)
        fan_picture.labelled(noise(width, 256), area, Axis.COLUMNS, parts, 20)
        assert written == labels


def test_only_the_generated_area_is_shown():
    area = Bounds(160, 80, 320, 240)
    picture, _, parts, result = fan_of((640, 480), 4, Axis.COLUMNS, area)
    assert result.width == area.width
    assert (parts[0].start, parts[-1].end) == (160, 480)
    assert np.array_equal(np.asarray(result)[-240:, :40], np.asarray(picture)[80:320, 160:200])
