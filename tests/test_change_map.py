import base64
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

from differential_diffusion import change_map
from differential_diffusion.change_map import BadMap, Bounds, Extent, Polarity, ResizeMode, SoftnessSide


def encoded(picture: Image.Image, kind: str = "PNG", **options) -> str:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return base64.b64encode(file.getvalue()).decode()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds nothing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = b""
    for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")):
        chunks += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return b"\x89PNG\r\n\x1a\n" + chunks


class TestDecode:
    def test_grey_values_arrive_unchanged(self):
        grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
        for text in (encoded(Image.fromarray(grey)), "data:image/png;base64," + encoded(Image.fromarray(grey))):
            assert np.array_equal(change_map.decode(text), grey)

    def test_transparency_is_taken_over_black(self):
        picture = Image.new("RGBA", (4, 4), (255, 255, 255, 0))
        picture.putpixel((1, 2), (255, 255, 255, 255))
        grey = change_map.decode(encoded(picture))
        assert grey[2, 1] == 255 and grey.sum() == 255

    def test_colour_is_reduced_to_luminance(self):
        grey = change_map.decode(encoded(Image.new("RGB", (2, 2), (255, 0, 0))))
        assert abs(int(grey[0, 0]) - 0.299 * 255) <= 1

    def test_exif_rotation_is_applied(self):
        picture = Image.new("L", (4, 2))
        exif = picture.getexif()
        exif[0x0112] = 6
        assert change_map.decode(encoded(picture, "JPEG", exif=exif)).shape == (4, 2)

    @pytest.mark.parametrize("kind", ["PNG", "TIFF"])
    def test_sixteen_bits_keep_their_upper_eight(self, kind):
        deep = (np.arange(256, dtype=np.uint16).reshape(16, 16) << 8) + 255
        grey = change_map.decode(encoded(Image.fromarray(deep), kind))
        assert np.array_equal(grey, (deep >> 8).astype(np.uint8))

    @pytest.mark.parametrize("white", [1.0, 255.0, 65535.0])
    def test_floats_are_read_by_the_range_that_they_fill(self, white):
        ramp = (np.linspace(0, 1, 64).reshape(8, 8) * white).astype(np.float32)
        grey = change_map.decode(encoded(Image.fromarray(ramp), "TIFF"))
        assert np.abs(grey / 255 - np.linspace(0, 1, 64).reshape(8, 8)).max() <= 0.5 / 255 + 1e-6

    @pytest.mark.parametrize(("kind", "dtype"), [("PNG", np.uint16), ("TIFF", np.uint16), ("TIFF", np.int32)])
    def test_eight_bits_in_a_larger_integer_stay_what_they_are(self, kind, dtype):
        grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
        assert np.array_equal(change_map.decode(encoded(Image.fromarray(grey.astype(dtype)), kind)), grey)

    @pytest.mark.parametrize(
        ("values", "said"),
        [
            ([np.nan, 0.5], "no numbers"),
            ([np.inf, 0.5], "no numbers"),
            ([-0.5, 0.5], "from -0.5 to 0.5; 0 to 1, 0 to 255 or 0 to 65535 are"),
            ([0, 1e6], "from 0 to 1e\\+06; 0 to 1"),
        ],
    )
    def test_floats_of_no_known_range_are_refused(self, values, said):
        with pytest.raises(BadMap, match=said):
            change_map.decode(encoded(Image.fromarray(np.array([values], np.float32)), "TIFF"))

    @pytest.mark.parametrize("values", [[-3, 200], [0, 70_000]])
    def test_integers_of_no_known_range_are_refused(self, values):
        with pytest.raises(BadMap, match=f"from {values[0]} to {values[1]}; 0 to 255 or 0 to 65535 are"):
            change_map.decode(encoded(Image.fromarray(np.array([values], np.int32)), "TIFF"))

    @pytest.mark.parametrize(
        ("mode", "kind"),
        [("1", "PNG"), ("P", "PNG"), ("P", "GIF"), ("LA", "PNG"), ("RGB", "PNG"), ("RGBA", "WEBP"), ("CMYK", "TIFF")],
    )
    def test_the_ways_to_store_a_black_and_white_map_agree(self, mode, kind):
        grey = np.kron([[0, 255], [255, 0]], np.ones((8, 8), np.uint8)).astype(np.uint8)
        picture = Image.fromarray(grey).convert(mode if mode != "CMYK" else "RGB").convert(mode)
        assert np.array_equal(change_map.decode(encoded(picture, kind, lossless=True)), grey)

    def test_of_an_animation_the_first_picture_is_taken(self):
        frames = [Image.new("L", (4, 4), value) for value in (200, 0, 90)]
        text = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])
        assert (change_map.decode(text) == 200).all()

    @pytest.mark.parametrize(("kind", "dtype"), [("PNG", np.uint16), ("TIFF", np.uint16), ("TIFF", np.float32)])
    def test_a_deep_picture_shows_the_greys_that_it_has_as_a_map(self, kind, dtype):
        deep = (np.linspace(0, 1, 64).reshape(8, 8) * 65535).astype(dtype)
        text = encoded(Image.fromarray(deep), kind)
        picture = change_map.decode_picture(text)
        assert picture.mode == "RGB"
        assert np.array_equal(np.asarray(picture), change_map.decode(text)[..., None].repeat(3, -1))

    def test_a_deep_picture_of_no_known_range_is_refused(self):
        with pytest.raises(BadMap, match="from 0 to 70000"):
            change_map.decode_picture(encoded(Image.fromarray(np.array([[0, 70_000]], np.int32)), "TIFF"))

    def test_a_rotated_deep_picture(self):
        ramp = np.linspace(0, 1, 8, dtype=np.float32).reshape(2, 4)
        grey = change_map.decode(encoded(Image.fromarray(ramp), "TIFF", tiffinfo={0x0112: 6}))
        assert np.array_equal(grey, np.rot90(np.rint(ramp * 255), -1))


class TestAlpha:
    """A picture in which nothing shows over black, but its alpha does."""

    RAMP = np.linspace(0, 255, 64).round().astype(np.uint8).reshape(8, 8)

    def strokes(self, *colour: int) -> Image.Image:
        picture = Image.new("RGB", (8, 8), colour)
        picture.putalpha(Image.fromarray(self.RAMP))
        return picture

    @pytest.mark.parametrize(("mode", "kind"), [("RGBA", "PNG"), ("LA", "PNG"), ("RGBA", "WEBP"), ("RGBA", "TIFF")])
    def test_black_strokes_on_transparency_are_read_by_their_alpha(self, mode, kind):
        text = encoded(self.strokes(0, 0, 0).convert(mode), kind, lossless=True, exact=True)
        assert np.array_equal(change_map.decode(text), self.RAMP)

    def test_lossy_ink_is_black_too(self):
        text = encoded(self.strokes(2, 1, 3), "WEBP", quality=80)
        assert np.array_equal(change_map.decode(text), self.RAMP)

    def test_strokes_in_a_palette(self):
        picture = Image.new("P", (8, 8), 0)
        picture.putpalette([0, 0, 0, 0, 0, 0])
        picture.paste(1, (0, 0, 4, 8))
        grey = change_map.decode(encoded(picture, transparency=0))
        assert (grey[:, :4] == 255).all() and not grey[:, 4:].any()

    def test_what_shows_over_black_is_read_over_black(self):
        grey = change_map.decode(encoded(self.strokes(128, 128, 128)))
        assert np.abs(grey - 128 / 255 * self.RAMP).max() <= 1

    @pytest.mark.parametrize("alpha", [0, 128, 255])
    def test_an_even_alpha_tells_nothing(self, alpha):
        assert not change_map.decode(encoded(Image.new("RGBA", (4, 4), (0, 0, 0, alpha)))).any()


class TestRefusal:
    def test_colours_that_cannot_be_converted(self):
        with pytest.raises(BadMap, match="can be decoded .*LAB"):
            change_map.decode(encoded(Image.merge("LAB", [Image.new("L", (2, 2))] * 3), "TIFF"))

    @pytest.mark.parametrize(
        "text",
        [
            "/etc/passwd",
            "C:\\pictures\\map.png",
            "file:///etc/passwd",
            "http://127.0.0.1/map.png",
            "https://example.org/map.png",
            "data:text/html;base64,AAAA",
            "data:,hello",
            "not base64 at all!",
            "\x00\x01",
            base64.b64encode(bytes(range(256))).decode(),
            base64.b64encode(png_header(100_000, 100_000)).decode(),
            base64.b64encode(png_header(8001, 8000)).decode(),
            base64.b64encode(png_header(16, 16)).decode(),
            encoded(Image.new("L", (64, 64)))[:-40],
            "",
        ],
    )
    def test_what_is_no_picture_is_refused(self, text):
        with pytest.raises(BadMap):
            change_map.decode(text)

    def test_size_is_checked_before_any_pixel_is_decoded(self):
        for width, height, size in ((100_000, 100_000, "far larger"), (8001, 8000, "8001 x 8000")):
            with pytest.raises(BadMap, match=f"is {size}; at most 16384 pixels a side and 64000000 pixels"):
                change_map.decode(base64.b64encode(png_header(width, height)).decode())

    @pytest.mark.filterwarnings("ignore")
    @pytest.mark.parametrize("kind", change_map.FORMATS)
    def test_damaged_files_are_decoded_or_refused(self, kind):
        rng = np.random.default_rng(0)
        picture = Image.fromarray(rng.integers(0, 256, (20, 24), dtype=np.uint8))
        text = encoded(picture.convert("RGB" if kind in ("JPEG", "WEBP") else "P"), kind)
        decoders = (change_map.decode, change_map.decode_picture)
        assert all(decode(text) is not None for decode in decoders)
        whole = np.frombuffer(base64.b64decode(text), np.uint8)
        for number in range(400):
            damaged = whole[: rng.integers(len(whole)) if number % 4 == 0 else None].copy()
            if damaged.size:
                places = rng.integers(min(damaged.size, 120), size=rng.integers(1, 5))
                damaged[places] = rng.choice(np.array([0, 1, 127, 128, 255], np.uint8), places.size)
            try:
                decoders[number % 2](base64.b64encode(damaged).decode())
            except BadMap as error:
                assert len(str(error)) > 20

    @pytest.mark.parametrize(
        "start",
        [
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n(/etc/passwd) run\n",
            b"\xc5\xd0\xd3\xc6" + bytes(40),
            b"\xd7\xcd\xc6\x9a\0\0",
            b"\x01\0\0\0" + bytes(36) + b" EMF",
            b"FTEX" + bytes(20),
            b"BLP2\x01\0\0\0\x01",
            b"DDS |\0\0\0",
            b"8BPS\0\x01" + bytes(6) + b"\0\x03",
            struct.pack(">27f", *range(1, 28)),
            b"icns\0\0\0\x08",
            b"%PDF-1.4\n",
            b"P6 8 8 255\n",
            b"\0\0\0\x0cjP  \r\n\x87\n",
        ],
    )
    def test_other_kinds_are_not_tried(self, start):
        with pytest.raises(BadMap, match="not a picture of a known kind; PNG, JPEG, WebP, TIFF, GIF or BMP are"):
            change_map.decode(base64.b64encode(start + bytes(400)).decode())

    @given(st.binary(max_size=300))
    def test_random_bytes_never_raise_anything_else(self, data):
        try:
            change_map.decode(base64.b64encode(data).decode())
        except BadMap:
            pass


class TestResample:
    @given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(0, 255))
    def test_a_plane_of_one_value_keeps_it(self, width, height, to_width, to_height, value):
        plane = np.full((height, width), value / 255)
        result = change_map.resample(plane, Extent(to_width, to_height))
        assert result.shape == (to_height, to_width)
        assert np.abs(result - value / 255).max() < 1e-6

    @given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32 - 1))
    def test_whole_blocks_are_averaged(self, columns, rows, seed):
        plane = np.random.default_rng(seed).random((rows * 8, columns * 8))
        blocks = plane.reshape(rows, 8, columns, 8).mean(axis=(1, 3))
        assert np.abs(change_map.resample(plane, Extent(columns, rows)) - blocks).max() < 1e-6

    def test_a_hard_edge_on_a_cell_border_stays_hard(self):
        plane = np.zeros((64, 64))
        plane[:, 32:] = 0.45
        cells = change_map.to_cells(plane, Extent(8, 8))
        assert np.array_equal(np.unique(cells.round(7)), [0, 0.45])

    def test_a_cell_is_zero_only_where_all_of_it_is(self):
        plane = np.zeros((64, 64), np.float32)
        plane[17, 42] = 1 / 255
        cells = change_map.to_cells(plane, Extent(8, 8))
        assert np.argwhere(cells > 0).tolist() == [[2, 5]]
        assert cells[2, 5] == pytest.approx(1 / 255 / 64, rel=1e-4)

    @given(st.integers(1, 24), st.integers(1, 24), st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**32 - 1))
    def test_a_pixel_is_zero_exactly_where_all_that_it_covers_is(self, width, height, to_width, to_height, seed):
        plane = (np.random.default_rng(seed).random((height, width)) > 0.7).astype(np.float32)
        # parts of which whole numbers make a pixel of either size
        parts = plane.repeat(to_height, 0).repeat(to_width, 1)
        covered = parts.reshape(to_height, height, to_width, width).max(axis=(1, 3))
        assert np.array_equal(change_map.resample(plane, Extent(to_width, to_height)) > 0, covered > 0)

    def test_parts_of_pixels_count_by_their_area(self):
        line = np.array([[1.0, 0.0, 0.0]])
        assert change_map.resample(line, Extent(2, 1)) == pytest.approx(np.array([[2 / 3, 0]]), abs=1e-6)


class TestLevels:
    PLANE = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)

    def test_the_defaults_change_nothing(self):
        assert np.array_equal(change_map.levelled(self.PLANE, 0, 1, 1), self.PLANE)

    @given(st.floats(0, 0.9), st.floats(0.01, 0.1), st.floats(0.1, 10))
    def test_it_is_the_stretch_and_the_power(self, black, width, gamma):
        white = black + width
        expected = np.interp(self.PLANE, [black, white], [0, 1]) ** gamma
        result = change_map.levelled(self.PLANE, black, white, gamma)
        assert result.dtype == np.float32 and np.abs(result - expected).max() < 2e-4

    @given(st.floats(0.1, 10))
    def test_the_ends_stay_and_the_middle_weakens_with_gamma(self, gamma):
        black, middle, white = change_map.levelled(np.array([[0, 0.5, 1]], np.float32), 0, 1, gamma)[0]
        assert black == 0 and white == 1 and middle == pytest.approx(0.5**gamma)

    @given(st.floats(0.1, 10))
    def test_what_is_above_black_stays_above_0(self, gamma):
        assert change_map.levelled(np.array([[1 / 255]], np.float32), 0, 1, gamma)[0, 0] > 0


class TestSoften:
    def test_it_is_a_gaussian(self):
        plane = np.zeros((101, 101), np.float32)
        plane[:, 50:] = 1
        expected = ndimage.gaussian_filter(plane.astype(np.float64), 8, truncate=3, mode="nearest")
        assert np.abs(change_map.soften(plane, 8) - expected).max() < 1e-5

    @given(st.floats(0.5, 12))
    def test_three_deviations_away_nothing_changes(self, softness):
        plane = np.zeros((9, 160), np.float32)
        plane[:, 80:] = 1
        soft = change_map.soften(plane, softness)
        distance = 80 - np.arange(80)
        assert (soft[0, :80][distance > 3 * softness] == 0).all()
        assert (soft[0, :80][distance <= int(3 * softness)] > 0).all()
        assert np.abs(soft[0, 80:][::-1][: 80 - int(3 * softness)] - 1).max() < 1e-6

    @pytest.mark.parametrize("softness", [1.5, 4, 8])
    def test_the_reach_is_round(self, softness):
        y, x = np.mgrid[:160, :160]
        from_middle = np.hypot(x - 80, y - 80)
        disc = (from_middle <= 40).astype(np.float32)
        soft = change_map.soften(disc, softness)
        assert (soft[from_middle > 41 + 3 * softness] == 0).all()
        assert (soft[from_middle < 39 - 3 * softness] == 1).all()
        assert soft[80, 80 + 40 + int(3 * softness)] > 0

    @pytest.mark.parametrize("value", [0, 0.3, 1])
    def test_a_plane_of_one_value_keeps_it(self, value):
        plane = np.full((40, 40), value, np.float32)
        assert np.abs(change_map.soften(plane, 8) - value).max() < 1e-6

    def test_sides(self):
        plane = np.zeros((9, 64), np.float32)
        plane[:, 32:] = 1
        both = change_map.soften(plane, 4)
        out = change_map.soften(plane, 4, SoftnessSide.OUTWARDS)
        inside = change_map.soften(plane, 4, SoftnessSide.INWARDS)
        assert (out[:, 32:] == 1).all() and np.array_equal(out[:, :32], both[:, :32])
        assert (inside[:, :32] == 0).all() and np.array_equal(inside[:, 32:], both[:, 32:])

    def test_none_leaves_the_map_as_it_is(self):
        plane = np.random.default_rng(0).random((8, 8), np.float32)
        assert np.array_equal(change_map.soften(plane, 0), plane)


class TestSoftenMask:
    @given(st.floats(0.5, 12))
    def test_a_straight_edge_falls_evenly_over_three_deviations_on_either_side(self, softness):
        mask = np.zeros((9, 160), np.float32)
        mask[:, 80:] = 1
        reach = int(3 * softness)
        signed = np.arange(160) - 79.5
        even = np.clip(0.5 + signed / (2 * reach + 1), 0, 1)
        error = np.abs(change_map.soften_mask(mask, softness)[4] - even).max()
        assert error < 4e-5, "a hundredth of a level; 1.6e-5 is float32's rounding, over the Gaussian's flat end"

    @pytest.mark.parametrize("turn", [0, 17, 45])
    def test_whichever_way_the_edge_runs(self, turn):
        y, x = np.mgrid[:200, :200] - 99.5
        signed = x * np.cos(np.deg2rad(turn)) + y * np.sin(np.deg2rad(turn))
        soft = change_map.soften_mask((signed > 0).astype(np.float32), 10)
        middle = np.hypot(x, y) < 50
        error = np.abs(soft - np.clip(0.5 + signed / 61, 0, 1))[middle]
        assert error.max() < 0.025, "at the end of the reach, past which a slanting edge is still seen"
        assert error[np.abs(signed[middle]) < 27].max() < 0.011

    @pytest.mark.parametrize("softness", [1.5, 4, 8])
    def test_the_reach_is_round(self, softness):
        y, x = np.mgrid[:160, :160]
        from_middle = np.hypot(x - 80, y - 80)
        soft = change_map.soften_mask((from_middle <= 40).astype(np.float32), softness)
        assert (soft[from_middle > 41 + 3 * softness] == 0).all()
        assert (soft[from_middle < 39 - 3 * softness] == 1).all()
        assert soft[80, 80 + 40 + int(3 * softness)] > 0

    @given(st.floats(0, 1))
    def test_a_grey_keeps_its_value_inside_and_scales_the_edge(self, grey):
        mask = np.zeros((60, 60), np.float32)
        mask[:, 20:] = 1
        whole, part = change_map.soften_mask(mask, 4), change_map.soften_mask(mask * np.float32(grey), 4)
        assert np.abs(part - whole * grey).max() < 1e-5

    def test_two_greys_meet_in_a_gaussian(self):
        mask = np.full((40, 100), 0.2, np.float32)
        mask[:, 50:] = 0.8
        assert np.abs(change_map.soften_mask(mask, 5) - change_map.soften(mask, 5)).max() < 1e-5

    def test_on_one_side_it_falls_evenly_by_distance(self):
        mask = np.zeros((40, 48), np.float32)
        mask[8:30, 10:36], mask[16:, 20:26] = 1, 0
        places = np.argwhere(np.ones_like(mask))
        to_mask, to_rest = (
            np.hypot(*(places[:, None] - np.argwhere(part)).T).min(axis=0).reshape(mask.shape)
            for part in (mask == 1, mask == 0)
        )
        out = change_map.soften_mask(mask, 2.5, SoftnessSide.OUTWARDS)
        inside = change_map.soften_mask(mask, 2.5, SoftnessSide.INWARDS)
        assert np.abs(out - (1 - to_mask / 7.5).clip(0)).max() < 1e-5
        assert np.abs(inside - (to_rest / 7.5).clip(0, 1)).max() < 1e-5

    @pytest.mark.parametrize("width", [1, 2, 6, 24, 60])
    @pytest.mark.parametrize("softness", [4, 21])
    def test_outwards_a_mask_has_full_strength_however_narrow_it_is(self, width, softness):
        mask = np.zeros((200, 200), np.float32)
        mask[60:140, 70 : 70 + width] = 1
        soft = change_map.soften_mask(mask, softness, SoftnessSide.OUTWARDS)
        assert (soft[mask == 1] == 1).all()
        steps = [np.abs(np.diff(soft, axis=axis)).max() for axis in (0, 1)]
        assert max(steps) <= 1 / (3 * softness) + 1e-6, "without a step at the border"

    def test_greys_keep_their_value_outwards(self):
        mask = np.zeros((60, 100), np.float32)
        mask[20:40, 20:50], mask[20:40, 50:80] = 0.3, 0.8
        soft = change_map.soften_mask(mask, 4, SoftnessSide.OUTWARDS)
        assert (soft >= mask).all()
        assert soft[30, 15] == pytest.approx(0.3 * 7 / 12) and soft[30, 82] == pytest.approx(0.8 * 9 / 12)

    @pytest.mark.parametrize("softness", [0, 0.3])
    def test_none_leaves_the_mask_as_it_is(self, softness):
        mask = np.random.default_rng(0).random((8, 8), np.float32)
        mask[:, :3] = 0
        assert np.abs(change_map.soften_mask(mask, softness) - mask).max() < 1e-6


def hosts_placement(mode: int, canvas: Extent, source: Extent) -> tuple[int, int]:
    """The size to which the WebUI scales a picture in its resize modes 1 (cover) and 2 (contain)."""
    scales = canvas.width / source.width, canvas.height / source.height
    by_width = scales[0] == (max(scales) if mode == 1 else min(scales))
    if by_width:
        return canvas.width, source.height * canvas.width // source.width
    return source.width * canvas.height // source.height, canvas.height


class TestCanvas:
    @pytest.mark.parametrize("mode", [ResizeMode.STRETCH, ResizeMode.STRETCH_LATENT])
    def test_stretched(self, mode):
        plane = np.zeros((10, 20), np.float32)
        plane[:, 10:] = 1
        placed = change_map.to_canvas(plane, mode, Extent(64, 64))
        assert placed.shape == (64, 64) and placed[:, 40:].min() == 1 and placed[:, :24].max() == 0

    @pytest.mark.parametrize(("size", "canvas"), [((100, 50), (64, 64)), ((50, 100), (64, 64)), ((70, 64), (128, 64))])
    def test_cropped_to_the_middle(self, size, canvas):
        picture = Image.fromarray(np.tile(np.linspace(0, 255, size[0]).astype(np.uint8), (size[1], 1)))
        width, height = hosts_placement(1, Extent(*canvas), Extent(*size))
        host = Image.new("L", canvas)
        host.paste(
            picture.resize((width, height), Image.BOX), (canvas[0] // 2 - width // 2, canvas[1] // 2 - height // 2)
        )
        ours = change_map.to_canvas(np.asarray(picture, np.float32), ResizeMode.CROP, Extent(*canvas))
        assert np.abs(ours - np.asarray(host)).max() < 255 / size[0] + 1

    @pytest.mark.parametrize(("size", "canvas"), [((100, 50), (64, 64)), ((50, 100), (64, 64)), ((30, 64), (128, 64))])
    def test_edges_drawn_out_to_fill(self, size, canvas):
        plane = np.tile(np.linspace(0, 1, size[1], dtype=np.float32)[:, None], (1, size[0]))
        width, height = hosts_placement(2, Extent(*canvas), Extent(*size))
        ours = change_map.to_canvas(plane, ResizeMode.FILL, Extent(*canvas))
        top = canvas[1] // 2 - height // 2
        assert ours.shape == (canvas[1], canvas[0])
        assert (ours[: top + 1] == ours[top]).all() and (ours[top + height :] == ours[top + height - 1]).all()
        assert (np.diff(ours[:, 0]) >= 0).all() and ours[0, 0] < 0.05 and ours[-1, -1] > 0.95

    def test_cut(self):
        plane = np.arange(20).reshape(4, 5)
        assert change_map.cut(plane, Bounds(x=1, y=2, width=3, height=1)).tolist() == [[11, 12, 13]]


class TestPasteWeight:
    def test_kept_pixels_are_kept_whole_and_the_rest_fades_in(self):
        plane = np.zeros((16, 64), np.float32)
        plane[:, 32:] = 0.01
        weight = change_map.paste_weight(plane, 8)
        assert (weight[:, :32] == 0).all() and (weight[:, 40:] == 1).all()
        assert (np.diff(weight[0, 31:40]) > 0).all() and np.abs(np.diff(weight[0])).max() < 0.2

    def test_without_kept_pixels_everything_is_shown(self):
        assert (change_map.paste_weight(np.full((4, 4), 0.1, np.float32), 8) == 1).all()


def test_polarity():
    grey = np.array([[0, 51, 255]], np.uint8)
    extent = Extent(3, 1)
    assert change_map.from_grey(grey, Polarity.WHITE_CHANGES, extent) == pytest.approx(np.array([[0, 0.2, 1]]))
    assert change_map.from_grey(grey, Polarity.WHITE_KEEPS, extent) == pytest.approx(np.array([[1, 0.8, 0]]))


def test_digest_names_the_pixels_and_their_shape():
    grey = np.arange(16, dtype=np.uint8).reshape(4, 4)
    assert change_map.digest(grey) == change_map.digest(grey.copy())
    assert len({change_map.digest(g) for g in (grey, grey.T, grey.reshape(2, 8), grey + 1)}) == 4
